/**
 * The straight-through estimator that replaces the derivative of sign, which is 0 almost everywhere (eq. 2):
 *
 * - `'identity'`: 1
 * - `'clip'`: 1 where |x| ≤ 1, else 0 (Courbariaux et al., 2016)
 * - `'approx'`: 2 − 2|x| where |x| ≤ 1, else 0: the slope of the piecewise quadratic approximation of sign in
 *   Bi-Real Net (Liu et al., 2018)
 */
export type Estimator = 'identity' | 'clip' | 'approx';

/**
 * How the gradient reaches the latent weights W through Ŵ = α·sign(W):
 *
 * - `'full'`: the product rule, eqs. (4)–(5)
 * - `'xnor-net'`: only its diagonal, as in XNOR-Net (Rastegari et al., 2016)
 * - `'detached'`: α is treated as a constant, as in the code of Bi-Real Net
 */
export type ScalingGradient = 'full' | 'xnor-net' | 'detached';
