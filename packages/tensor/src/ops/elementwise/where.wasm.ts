import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import type { DType } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import { f32x4, forEachFour, i8x16, i32, i32x4, storeFour } from '../../wasm/assembler.js';
import { flatStep } from './compare.wasm.js';
import { itemSize } from './elementwise.wasm.js';

/**
 * Selects a where the condition holds, else b: floats of one shape, where a or b may be a single number. Returns false,
 * having done nothing, for other dtypes and shapes.
 */
export function whereByKernel(condition: Tensor<'u8'>, a: Tensor<DType>, b: Tensor<DType>, y: Tensor<DType>): boolean {
  const [aStep, bStep] = [flatStep(a, y), flatStep(b, y)];
  if (y.dtype !== 'f32' || condition.size !== y.size || aStep === null || bStep === null) return false;
  const items = Math.ceil(y.size / itemSize);
  const grain = chunksOf(items, itemSize * 0.3);
  whereKernel(aStep, bStep).run({ condition, a, b, y, size: y.size }, items, { grain });
  return true;
}

const whereKernel = memoize(
  (aStep: 0 | 1, bStep: 0 | 1) =>
    new Kernel(
      `f32_where${aStep ? '' : '_left1'}${bStep ? '' : '_right1'}`,
      { condition: i32, a: i32, b: i32, y: i32, size: i32 },
      ({ condition, a, b, y, size }, from, to) => {
        const first = i32.variable(from.mul(itemSize), 'first');
        const end = i32.variable(to.mul(itemSize).minU(size), 'end');
        const single = { a: f32x4.variable(f32x4.loadSplat(a), 'a'), b: f32x4.variable(f32x4.loadSplat(b), 'b') };
        const [aAt, bAt, target] = [a, b, y].map((at) => i32.variable(at.add(first.mul(4)), 'at'));
        const conditionAt = i32.variable(condition.add(first), 'conditionAt');
        forEachFour(end.sub(first), (_, rest) => {
          const bytes = i8x16.variable(i32x4.splat(i32.load(conditionAt)).as(i8x16), 'bytes');
          const isZero = bytes.swizzle(byteToEachLane).as(i32x4).eq(i32x4.const(0)).as(f32x4);
          const chosen = (bStep ? f32x4.load(bAt) : single.b).where(isZero, aStep ? f32x4.load(aAt) : single.a);
          storeFour(target, f32x4.variable(chosen, 'chosen'), rest);
          conditionAt.set(conditionAt.add(4));
          for (const at of [aAt, bAt, target]) at.set(at.add(16));
        });
      },
    ),
);

/** Byte indices that spread four bytes over lanes of 32 bits. Indices beyond 15 give 0. */
const byteToEachLane = i8x16.const(0, 16, 16, 16, 1, 16, 16, 16, 2, 16, 16, 16, 3, 16, 16, 16);
