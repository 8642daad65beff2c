import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel, kernelFamily } from '../../backends/cpu/kernel.js';
import type { DType } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32x4,
  f32x4,
  forEachFour,
  forRange,
  i8x16,
  i32,
  i32x4,
  store,
  storeByte,
  storeFour,
  when,
} from '../../wasm/assembler.js';

/** Elements that are an item of work. */
const itemSize = 64;

export type Comparison = 'equal' | 'notEqual' | 'less' | 'lessEqual' | 'greater' | 'greaterEqual';

const formulas: Record<Comparison, (a: F32x4, b: F32x4) => F32x4> = {
  equal: (a, b) => a.eq(b),
  notEqual: (a, b) => a.ne(b),
  less: (a, b) => a.lt(b),
  lessEqual: (a, b) => a.le(b),
  greater: (a, b) => a.gt(b),
  greaterEqual: (a, b) => a.ge(b),
};

/**
 * Compares floats of one shape, of which one may be a single number. Returns false for other dtypes and shapes, and has done
 * nothing.
 */
export function compareByKernel(name: Comparison, a: Tensor<DType>, b: Tensor<DType>, y: Tensor<'u8'>): boolean {
  const steps = [stepOf(a, y), stepOf(b, y)];
  if (a.dtype !== 'f32' || b.dtype !== 'f32' || steps.includes(null)) return false;
  const items = Math.ceil(y.size / itemSize);
  const grain = chunksOf(items, itemSize * 0.2);
  compareKernel(name, steps[0] === 1, steps[1] === 1).run({ a, b, y, size: y.size }, items, { grain });
  return true;
}

/** How far an element of y takes an operand: on by one, or nowhere for a single number; null for any other broadcasting. */
function stepOf({ size }: Tensor<DType>, y: Tensor<DType>): 0 | 1 | null {
  if (size === y.size) return 1;
  return size === 1 ? 0 : null;
}

const compareKernel = kernelFamily(
  (comparison: Comparison, aGoesOn: boolean, bGoesOn: boolean) =>
    new Kernel(
      `f32_${comparison}${aGoesOn ? '' : '_left1'}${bGoesOn ? '' : '_right1'}`,
      { a: i32, b: i32, y: i32, size: i32 },
      ({ a, b, y, size }, from, to) => {
        const first = i32.variable(from.mul(itemSize), 'first');
        const end = i32.variable(to.mul(itemSize).minU(size), 'end');
        const single = { a: f32x4.variable(f32x4.loadSplat(a), 'a'), b: f32x4.variable(f32x4.loadSplat(b), 'b') };
        forRange(first, end, 16, (at) => {
          const [aAt, bAt] = [i32.variable(a.add(at.mul(4)), 'aAt'), i32.variable(b.add(at.mul(4)), 'bAt')];
          const answers = [0, 16, 32, 48].map((offset) =>
            formulas[comparison](
              aGoesOn ? f32x4.load(aAt, offset) : single.a,
              bGoesOn ? f32x4.load(bAt, offset) : single.b,
            ).as(i32x4),
          );
          const [low, high] = [answers[0].narrowS(answers[1]), answers[2].narrowS(answers[3])];
          const bytes = i8x16.variable(low.narrowS(high).and(i8x16.const(1)), 'bytes');
          const target = i32.variable(y.add(at), 'target');
          const left = i32.variable(end.sub(at), 'left');
          when(
            left.geS(16),
            () => store(target, bytes),
            () => {
              for (let lane = 0; lane < 15; lane++) when(left.gtS(lane), () => storeByte(target, bytes, lane, lane));
            },
          );
        });
      },
    ),
);

/** a where the condition holds, else b: floats of one shape, of which a or b may be a single number. As above. */
export function whereByKernel(condition: Tensor<'u8'>, a: Tensor<DType>, b: Tensor<DType>, y: Tensor<DType>): boolean {
  const steps = [stepOf(a, y), stepOf(b, y)];
  if (y.dtype !== 'f32' || condition.size !== y.size || steps.includes(null)) return false;
  const items = Math.ceil(y.size / itemSize);
  const grain = chunksOf(items, itemSize * 0.3);
  whereKernel(steps[0] === 1, steps[1] === 1).run({ condition, a, b, y, size: y.size }, items, { grain });
  return true;
}

const whereKernel = kernelFamily(
  (aGoesOn: boolean, bGoesOn: boolean) =>
    new Kernel(
      `f32_where${aGoesOn ? '' : '_left1'}${bGoesOn ? '' : '_right1'}`,
      { condition: i32, a: i32, b: i32, y: i32, size: i32 },
      ({ condition, a, b, y, size }, from, to) => {
        const first = i32.variable(from.mul(itemSize), 'first');
        const end = i32.variable(to.mul(itemSize).minU(size), 'end');
        const single = { a: f32x4.variable(f32x4.loadSplat(a), 'a'), b: f32x4.variable(f32x4.loadSplat(b), 'b') };
        const [aAt, bAt, target] = [a, b, y].map((at) => i32.variable(at.add(first.mul(4)), 'at'));
        const conditionAt = i32.variable(condition.add(first), 'conditionAt');
        forEachFour(end.sub(first), (_, rest) => {
          const bytes = i8x16.variable(i32x4.splat(i32.load(conditionAt)).as(i8x16), 'bytes');
          const isZero = bytes.swizzle(oneByteALane).as(i32x4).eq(i32x4.const(0)).as(f32x4);
          const chosen = (bGoesOn ? f32x4.load(bAt) : single.b).where(isZero, aGoesOn ? f32x4.load(aAt) : single.a);
          storeFour(target, f32x4.variable(chosen, 'chosen'), rest);
          conditionAt.set(conditionAt.add(4));
          for (const at of [aAt, bAt, target]) at.set(at.add(16));
        });
      },
    ),
);

/** Byte indices that spread four bytes over lanes of 32 bits; indices beyond 15 give 0. */
const oneByteALane = i8x16.const(0, 16, 16, 16, 1, 16, 16, 16, 2, 16, 16, 16, 3, 16, 16, 16);
