import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { bytesPerElement } from '../../dtype.js';
import { type Shape, sizeOf } from '../../shape.js';
import { f32x4, forRange, type I32, i32, store, store8 } from '../../wasm/assembler.js';
import { copyBlock, joinAxes, type Layout } from './copy-block.js';

/** `copyBlock`, with a kernel if the last axis is contiguous in both layouts. Other blocks are copied by the loops. */
export function copyBlockByRows(shape: Shape, from: Layout, to: Layout): void {
  const { sizes, fromStrides, toStrides } = joinAxes(shape, from.strides, to.strides);
  if (sizeOf(shape) === 0 || fromStrides.at(-1) !== 1 || toStrides.at(-1) !== 1) {
    copyBlock(shape, from, to);
    return;
  }
  const width = bytesPerElement(from.tensor.dtype);
  const bytes = width * sizes.pop()!;
  const rows = sizes.pop() ?? 1;
  const [fromStride, toStride] = [width * (fromStrides[sizes.length] ?? 0), width * (toStrides[sizes.length] ?? 0)];
  const grain = chunksOf(rows, 3 + bytes / 10);
  const copyAxes = (axis: number, fromAt: number, toAt: number): void => {
    if (axis === sizes.length) {
      const source = from.tensor.address + width * fromAt;
      const target = to.tensor.address + width * toAt;
      kernel.run({ from: source, fromStride, to: target, toStride, bytes }, rows, { grain });
    } else {
      for (let i = 0; i < sizes[axis]; i++) {
        copyAxes(axis + 1, fromAt + i * fromStrides[axis], toAt + i * toStrides[axis]);
      }
    }
  };
  copyAxes(0, from.offset ?? 0, to.offset ?? 0);
}

/** The addresses of the first row of source and target, and strides in bytes. */
const parameters = { from: i32, fromStride: i32, to: i32, toStride: i32, bytes: i32 };

const kernel = new Kernel('bytes_copy_rows', parameters, (p, first, end) => {
  const source = i32.variable(p.from.add(first.mul(p.fromStride)), 'source');
  const target = i32.variable(p.to.add(first.mul(p.toStride)), 'target');
  forRange(first, end, 1, () => {
    copyBytes(source, target, p.bytes);
    source.set(source.add(p.fromStride));
    target.set(target.add(p.toStride));
  });
});

/** Emits a copy of any number of bytes: as vectors, then words, then bytes. */
export function copyBytes(source: I32, target: I32, bytes: I32): void {
  const [several, vectors, words] = [-64, -16, -4].map((mask) => i32.variable(bytes.and(mask), 'end'));
  forRange(0, several, 64, (at) => {
    for (let offset = 0; offset < 64; offset += 16) store(target.add(at), f32x4.load(source.add(at), offset), offset);
  });
  forRange(several, vectors, 16, (at) => store(target.add(at), f32x4.load(source.add(at))));
  forRange(vectors, words, 4, (at) => store(target.add(at), i32.load(source.add(at))));
  forRange(words, bytes, 1, (at) => store8(target.add(at), i32.load8U(source.add(at))));
}
