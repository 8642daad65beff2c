import { gradient } from '@mobinet/autograd';
import { type Estimator, signWithEstimator } from '@mobinet/bnn';
import { dispose, sign, sum, type Tensor, tensor, tidy } from '@mobinet/tensor';

/** The derivative of sign, and what estimators put in its place. */
export const slopes = ['true', 'identity', 'clip', 'approx'] as const;
export type Slope = (typeof slopes)[number];

/** The derivatives of sign at points x that a backward pass uses. */
export function slopesAt(points: readonly number[], slope: Slope): number[] {
  const f = (x: Tensor): Tensor => (slope === 'true' ? sign(x) : signWithEstimator(x, slope satisfies Estimator));
  return tidy(() => {
    const x = tensor(points);
    const found = gradient((x: Tensor) => sum(f(x)))(x);
    const values = [...found.values];
    dispose(found);
    return values;
  });
}

/** sign(x), with sign(0) = +1. */
export const signOf = (x: number): number => tidy(() => sign(tensor([x])).values[0]);
