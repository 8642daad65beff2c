import { customGradient } from '@mobinet/autograd';
import { type AnyTensor, apply, BitTensor, checkTensor, defineOp, sign, Tensor } from '@mobinet/tensor/functions';
import { elementwiseOp, forEachBit, packMask, packMaskOnGpu, setBits } from '@mobinet/tensor/kernels';
import { passApproxLanes, passClipped } from './estimator.wasm.js';
import { passClippedOnGpu } from './estimator.wgsl.js';
import { checkEstimator, type Estimator } from './gradient-kinds.js';

/**
 * sign(x) as floats ±1, with sign(0) = +1 (eq. 1). Its gradient is dx = dy · estimator(x) (eq. 2), which cannot be
 * differentiated again.
 *
 * @param x f32 of any shape.
 * @param estimator What replaces the derivative of sign, which is 0 almost everywhere. Default `'approx'`.
 * @returns f32 of the shape of x.
 * @throws RangeError for an unknown estimator.
 * @example
 * ```ts
 * import { gradient } from '@mobinet/autograd';
 * import { signWithEstimator } from '@mobinet/bnn';
 * import { sum, type Tensor, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([-2, -0.25, 0, 0.5]);
 * const slope = gradient((x: Tensor) => sum(signWithEstimator(x)));
 * console.log(`signs ${signWithEstimator(x).values}, slopes ${slope(x).values}`);
 * // → signs -1,-1,1,1, slopes 0,1.5,2,1
 * ```
 */
export function signWithEstimator(x: Tensor, estimator: Estimator = 'approx'): Tensor {
  checkTensor('signWithEstimator', x, 'x', ['f32']);
  checkEstimator('signWithEstimator', estimator);
  const signOf = customGradient('signWithEstimator', (x: Tensor) => ({
    output: sign(x),
    saved: estimatorMemory(x, estimator),
    gradient: (dy, saved) => [() => passThrough(dy, saved)],
    onceDifferentiable: true,
  }));
  return signOf(x);
}

/**
 * Returns the tensors that an estimator saves of x for the backward pass, as little as possible: nothing for
 * `'identity'`, one bit per element for `'clip'` (whether it stops the gradient), x itself for `'approx'`, whose slope
 * depends on it.
 */
export function estimatorMemory(x: Tensor, estimator: Estimator): readonly AnyTensor[] {
  if (estimator === 'identity') return [];
  return estimator === 'clip' ? [apply(clipMaskOp, [x], undefined)[0]] : [x];
}

/** The estimator that saved this memory. */
export function estimatorOf([memory]: readonly AnyTensor[]): Estimator {
  if (!memory) return 'identity';
  return memory instanceof BitTensor ? 'clip' : 'approx';
}

/** dy · estimator(x), from dy and the memory that `estimatorMemory` saved of x. */
export function passThrough(dy: Tensor, [memory]: readonly AnyTensor[]): Tensor {
  if (memory instanceof BitTensor) return apply(passClippedOp, [dy, memory], undefined)[0];
  if (memory instanceof Tensor) return apply(passApproxOp, [dy, memory as Tensor], undefined)[0];
  return dy;
}

/** The sign of 1 − |x|: bit 0 (+1) passes the gradient, bit 1 (−1) stops it. */
const clipMaskOp = defineOp<[Tensor], [BitTensor]>({
  name: 'clipMask',
  outputs: ([x]) => [{ dtype: 'bits', shape: x.shape }],
  reference: ([{ values: x }], [bits]) => setBits(bits, (at) => Math.abs(x[at]) > 1),
  fast: ([x], [bits]) => packMask('beyondOne', x, bits),
  webgpu: ([x], [bits]) => packMaskOnGpu('beyondOne', x, bits),
});

const passClippedOp = defineOp<[Tensor, BitTensor], [Tensor]>({
  name: 'passClipped',
  accepts: [['f32'], ['bits']],
  outputs: ([dy]) => [dy],
  reference([{ values: dy }, mask], [{ values: dx }]) {
    forEachBit(mask, (stops, at) => {
      dx[at] = stops ? 0 : dy[at];
    });
  },
  fast: ([dy, mask], [dx]) => passClipped(dy, mask, dx),
  webgpu: ([dy, mask], [dx]) => passClippedOnGpu(dy, mask, dx),
});

const passApproxOp = elementwiseOp({
  name: 'passApprox',
  operands: ['dy', 'x'],
  scalar: (dy, x) => (Math.abs(x) > 1 ? 0 : dy * (2 - 2 * Math.abs(x))),
  lanes: passApproxLanes,
  wgsl: 'select(dy * (2.0 - 2.0 * abs(x)), 0.0, abs(x) > 1.0)',
});
