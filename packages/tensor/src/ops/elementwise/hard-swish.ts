import { apply, isRecording } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { f32x4 } from '../../wasm/assembler.js';
import { flushed } from '../flush.js';
import { flushedLanes } from '../flush.wasm.js';
import { add, mul } from './binary.js';
import { less, lessEqual } from './compare.js';
import { elementwiseOp } from './elementwise.js';
import { where } from './where.js';

/**
 * Computes x·min(max(x + 3, 0), 6) / 6, element by element: `silu` made of straight lines, which is 0 up to −3 and x from
 * 3 on (Howard et al., "Searching for MobileNetV3", 2019).
 *
 * @example
 * ```ts
 * import { hardSwish, tensor } from '@mobinet/tensor';
 *
 * console.log(`${hardSwish(tensor([-4, -1.5, 0, 1.5, 4])).values}`);
 * // → 0,-0.375,0,1.125,4
 * ```
 */
export function hardSwish(x: Tensor): Tensor {
  return apply(hardSwishOp, [x], undefined)[0];
}

const hardSwishOp = elementwiseOp({
  name: 'hardSwish',
  scalar: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  // From 3 on, the factor is 6 · ⅙, which rounds to 1. NaN is neither below 0 nor above 6.
  lanes: (x) =>
    x.mul(
      x
        .add(f32x4.const(3))
        .pmax(f32x4.const(0))
        .pmin(f32x4.const(6))
        .mul(f32x4.const(1 / 6)),
    ),
  wgsl: 'x * clamp(x + 3.0, 0.0, 6.0) / 6.0',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [
    () => (isRecording() ? hardSwishGradientByOps(dy, x) : apply(hardSwishGradientOp, [dy, x], undefined)[0]),
  ],
});

/** dy·(x/3 + ½) between −3 and 3, 0 on the left, and dy on the right, also where x is NaN. */
const hardSwishGradientOp = elementwiseOp({
  name: 'hardSwishGradient',
  operands: ['dy', 'x'],
  scalar: (dy, x) => flushed(x <= -3 ? 0 : x < 3 ? dy * (x / 3 + 0.5) : dy),
  lanes(dy, x) {
    const three = f32x4.const(3);
    const inner = dy.mul(x.div(three).add(f32x4.const(0.5)));
    return flushedLanes(f32x4.const(0).where(x.le(three.neg()), inner.where(x.lt(three), dy)));
  },
  wgsl: 'flushed(select(select(dy, dy * (x / 3.0 + 0.5), x < 3.0), 0.0, x <= -3.0))',
});

/** The same as plain ops, which can be differentiated again. */
function hardSwishGradientByOps(dy: Tensor, x: Tensor): Tensor {
  const inner = add(mul(x, 1 / 3), 0.5);
  return mul(dy, where(lessEqual(x, -3), 0, where(less(x, 3), inner, 1)));
}
