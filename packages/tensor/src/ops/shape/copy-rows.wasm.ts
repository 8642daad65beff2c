import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { f32x4, forRange, i32, store, store8 } from '../../wasm/assembler.js';

/** Rows of bytes that lie evenly apart, at either end. */
export interface Rows {
  /** The address of the first. */
  readonly address: number;
  readonly stride: number;
}

/** Copies `count` rows of `bytes` each. */
export function copyRows(count: number, bytes: number, from: Rows, to: Rows): void {
  const args = { from: from.address, fromStride: from.stride, to: to.address, toStride: to.stride, bytes };
  kernel.run(args, count, { grain: chunksOf(count, 3 + bytes / 10) });
}

const parameters = { from: i32, fromStride: i32, to: i32, toStride: i32, bytes: i32 };

const kernel = new Kernel('bytes_copy_rows', parameters, (p, first, end) => {
  const source = i32.variable(p.from.add(first.mul(p.fromStride)), 'source');
  const target = i32.variable(p.to.add(first.mul(p.toStride)), 'target');
  // Whole vectors, then whole words, then bytes.
  const [vectors, words] = [i32.variable(p.bytes.and(-16), 'vectors'), i32.variable(p.bytes.and(-4), 'words')];
  forRange(first, end, 1, () => {
    forRange(0, vectors, 16, (at) => store(target.add(at), f32x4.load(source.add(at))));
    forRange(vectors, words, 4, (at) => store(target.add(at), i32.load(source.add(at))));
    forRange(words, p.bytes, 1, (at) => store8(target.add(at), i32.load8U(source.add(at))));
    source.set(source.add(p.fromStride));
    target.set(target.add(p.toStride));
  });
});
