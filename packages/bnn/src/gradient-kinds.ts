import { checkChoice } from '@mobinet/tensor/functions';

/**
 * The straight-through estimator that replaces the derivative of sign, which is 0 almost everywhere (eq. 2):
 *
 * - `'identity'`: 1
 * - `'clip'`: 1 where |x| ≤ 1, else 0 (Courbariaux et al., 2016)
 * - `'approx'`: 2 − 2|x| where |x| ≤ 1, else 0: the slope of the piecewise quadratic approximation of sign in
 *   Bi-Real Net (Liu et al., 2018)
 */
export type Estimator = (typeof estimators)[number];

const estimators = ['identity', 'clip', 'approx'] as const;

/**
 * How the gradient reaches the latent weights W through Ŵ = α·sign(W):
 *
 * - `'full'`: the product rule, eqs. (4)–(5)
 * - `'xnor-net'`: only its diagonal, as in XNOR-Net (Rastegari et al., 2016)
 * - `'detached'`: α is treated as a constant, as in the code of Bi-Real Net
 */
export type ScalingGradient = (typeof scalingGradients)[number];

const scalingGradients = ['full', 'xnor-net', 'detached'] as const;

/** @throws RangeError with one line that names the op, the value and the choices, for an unknown estimator. */
export function checkEstimator(op: string, value: unknown): Estimator {
  return checkChoice(`${op}: estimator`, value, estimators);
}

/** @throws RangeError with one line that names the op, the value and the choices, for an unknown gradient. */
export function checkScalingGradient(op: string, value: unknown): ScalingGradient {
  return checkChoice(`${op}: scalingGradient`, value, scalingGradients);
}
