import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { type F32x4, f32x4, f64x2, forRange, i32, i32x4, store, storeFour, when } from '../../wasm/assembler.js';
import { collapsedAxes } from '../elementwise/broadcast.js';

/**
 * Sums x into the elements of `kept` (its shape with 1 on the reduced axes), divided by `divisor`, where the reduced
 * axes collapse into one: x is [outer, reduced, inner]. Returns false, having done nothing, for other axes, for other
 * dtypes, and for an empty x.
 */
export function sumByKernel(x: Tensor, kept: Shape, y: Tensor, divisor = 1): boolean {
  if (x.dtype !== 'f32' || x.size === 0) return false;
  const axes = collapsedAxes(x.shape, [kept]).map(({ size, strides }) => ({ size, reduced: strides[0] === 0 }));
  // If all reduced axes have size 1, each sum has one term.
  if (!axes.some(({ reduced }) => reduced)) axes.unshift({ size: 1, reduced: true });
  const at = axes.findIndex(({ reduced }) => reduced);
  if (at > 1 || axes.length > at + 2) return false;
  const [outer, reduced, inner] = [at === 1 ? axes[0].size : 1, axes[at].size, axes[at + 1]?.size ?? 1];
  const args = { x, y, reduced, inner, divisor };
  if (inner === 1) sumKernel('row').run(args, outer, { grain: chunksOf(outer, reduced / 4) });
  else {
    const vectors = Math.ceil(inner / 4);
    sumKernel('column').run(args, outer * vectors, { grain: chunksOf(outer * vectors, reduced) });
  }
  return true;
}

const firstLane = i32x4.const(-1, 0, 0, 0).as(f32x4);

/** Sums rows, or columns, four elements at a time, in double precision like the definition. */
const sumKernel = memoize(
  (direction: 'row' | 'column') =>
    new Kernel(
      `f32_sum_${direction}s`,
      { x: i32, y: i32, reduced: i32, inner: i32, divisor: i32 },
      ({ x, y, reduced, inner, divisor }, from, to) => {
        const [low, high] = [f64x2.variable(0, 'low'), f64x2.variable(0, 'high')];
        const add = (four: F32x4): void => {
          low.set(low.add(four.toF64x2Low()));
          high.set(high.add(four.shuffle(four, 2, 3, 2, 3).toF64x2Low()));
        };
        const count = f64x2.variable(f64x2.splat(divisor.toF32S().toF64()), 'count');
        const clear = (): void => {
          low.set(f64x2.const(0));
          high.set(f64x2.const(0));
        };
        if (direction === 'row') {
          const at = i32.variable(x.add(from.mul(reduced).mul(4)), 'at');
          forRange(from, to, 1, (row) => {
            clear();
            forRange(0, reduced.sub(3), 4, () => {
              add(f32x4.variable(f32x4.load(at)));
              at.set(at.add(16));
            });
            forRange(0, reduced.and(3), 1, () => {
              low.set(low.add(f32x4.loadSplat(at).and(firstLane).toF64x2Low()));
              at.set(at.add(4));
            });
            const both = f64x2.variable(low.add(high), 'both');
            store(y.add(row.mul(4)), both.lane(0).add(both.lane(1)).div(count.lane(0)).toF32());
          });
          return;
        }
        const vectors = i32.variable(inner.add(3).shrU(2), 'vectors');
        forRange(from, to, 1, (item) => {
          const [outer, first] = [item.divU(vectors), i32.variable(item.remU(vectors).mul(4), 'first')];
          const own = i32.variable(outer, 'outer');
          const at = i32.variable(x.add(own.mul(reduced).mul(inner).add(first).mul(4)), 'at');
          clear();
          forRange(0, reduced, 1, () => {
            add(f32x4.variable(f32x4.load(at)));
            at.set(at.add(inner.mul(4)));
          });
          const sums = f32x4.variable(
            low.div(count).toF32x4Low().shuffle(high.div(count).toF32x4Low(), 0, 1, 4, 5),
            'sums',
          );
          const target = i32.variable(y.add(own.mul(inner).add(first).mul(4)), 'target');
          const left = i32.variable(inner.sub(first), 'left');
          when(
            left.geS(4),
            () => store(target, sums),
            () => storeFour(target, sums, left),
          );
        });
      },
    ),
);
