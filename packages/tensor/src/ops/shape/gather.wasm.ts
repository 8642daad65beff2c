import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { bytesPerElement, type DType } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import { f32, f32x4, forRange, type I32, i32, store, when, whileTrue } from '../../wasm/assembler.js';
import { copyBytes } from './copy-rows.wasm.js';

/** `gather`. The axis has `size` slices of `run` elements each. The indices have been checked. */
export function gatherByKernel(
  x: Tensor<DType>,
  indices: Tensor<'i32'>,
  y: Tensor<DType>,
  size: number,
  run: number,
): void {
  const bytes = run * bytesPerElement(x.dtype);
  const slices = bytes === 0 ? 0 : y.byteLength / bytes;
  const args = { x, indices, y, picks: indices.size, size, bytes };
  gatherKernel.run(args, slices, { grain: chunksOf(slices, 3 + bytes / 10) });
}

/** The items are slices of y. */
const gatherKernel = new Kernel(
  'bytes_gather',
  { x: i32, indices: i32, y: i32, picks: i32, size: i32, bytes: i32 },
  ({ x, indices, y, picks, size, bytes }, from, to) => {
    const target = i32.variable(y.add(from.mul(bytes)), 'target');
    const pick = i32.variable(from.remU(picks), 'pick');
    const block = i32.variable(x.add(from.divU(picks).mul(size).mul(bytes)), 'block');
    forRange(from, to, 1, () => {
      const index = i32.load(indices.add(pick.shl(2)));
      copyBytes(i32.variable(block.add(index.mul(bytes)), 'source'), target, bytes);
      target.set(target.add(bytes));
      pick.set(pick.add(1));
      when(pick.eq(picks), () => {
        pick.set(i32.const(0));
        block.set(block.add(size.mul(bytes)));
      });
    });
  },
);

/** Columns that a thread takes at once: those of a cache line. */
const columnsPerItem = 16;

/** `scatterAdd` into y, `outer` blocks of [size, run]. The indices have been checked. */
export function scatterAddByKernel(
  updates: Tensor,
  indices: Tensor<'i32'>,
  y: Tensor,
  { outer, size, run }: { outer: number; size: number; run: number },
): void {
  const count = indices.size;
  const perBlock = Math.ceil(run / columnsPerItem);
  const items = outer * perBlock;
  const grain = chunksOf(items, columnsPerItem * (size * 0.1 + count * 0.3));
  scatterAddKernel.run({ updates, indices, y, count, size, run, perBlock }, items, { grain });
}

/**
 * The items are columns of blocks: indices may repeat, so that threads cannot divide the rows. All items of a chunk that
 * belong to a block are processed together, row by row.
 */
const scatterAddKernel = new Kernel(
  'f32_scatter_add',
  { updates: i32, indices: i32, y: i32, count: i32, size: i32, run: i32, perBlock: i32 },
  ({ updates, indices, y, count, size, run, perBlock }, from, to) => {
    const runBytes = i32.variable(run.mul(4), 'runBytes');
    const item = i32.variable(from, 'item');
    whileTrue(
      () => item.ltS(to),
      () => {
        const block = i32.variable(item.divU(perBlock), 'block');
        const first = i32.variable(item.sub(block.mul(perBlock)), 'first');
        const end = i32.variable(first.add(to.sub(item)).minU(perBlock), 'end');
        const start = i32.variable(first.mul(4 * columnsPerItem), 'start');
        const bytes = i32.variable(
          end
            .mul(4 * columnsPerItem)
            .minU(runBytes)
            .sub(start),
          'bytes',
        );
        const whole = i32.variable(bytes.and(-16), 'whole');
        const target = i32.variable(y.add(block.mul(size).mul(runBytes)).add(start), 'target');
        const zero = i32.variable(target, 'zero');
        forRange(0, size, 1, () => {
          forRange(0, whole, 16, (at) => store(zero.add(at), f32x4.const(0)));
          forRange(whole, bytes, 4, (at) => store(zero.add(at), f32.const(0)));
          zero.set(zero.add(runBytes));
        });
        const source = i32.variable(updates.add(block.mul(count).mul(runBytes)).add(start), 'source');
        forRange(0, count, 1, (i) => {
          const row = i32.variable(target.add(i32.load(indices.add(i.shl(2))).mul(runBytes)), 'row');
          addBytes(row, source, whole, bytes);
          source.set(source.add(runBytes));
        });
        item.set(item.add(end.sub(first)));
      },
    );
  },
);

/** Adds floats to others: `bytes` of them, of which `whole` fill vectors. */
function addBytes(target: I32, source: I32, whole: I32, bytes: I32): void {
  const addVector = (at: I32, offset: number): void =>
    store(target.add(at), f32x4.load(target.add(at), offset).add(f32x4.load(source.add(at), offset)), offset);
  const unrolled = i32.variable(whole.and(-64), 'unrolled');
  forRange(0, unrolled, 64, (at) => {
    for (let offset = 0; offset < 64; offset += 16) addVector(at, offset);
  });
  forRange(unrolled, whole, 16, (at) => addVector(at, 0));
  forRange(whole, bytes, 4, (at) => store(target.add(at), f32.load(target.add(at)).add(f32.load(source.add(at)))));
}
