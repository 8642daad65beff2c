import { type Tensor, tidy } from '@mobinet/tensor';
import type { Affine, Statistics, Threshold } from './exercise.js';

export type { Affine, Statistics, Threshold };

export function batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  return tidy(() => {
    const centered = x.sub(x.mean({ axes: [0] }));
    const variance = centered.square().mean({ axes: [0] });
    return centered.div(variance.add(epsilon).sqrt()).mul(gamma).add(beta);
  });
}

export function fold({ weight, bias }: Affine, { gamma, beta, mean, variance, epsilon }: Statistics): Affine {
  return tidy(() => {
    const scale = gamma.div(variance.add(epsilon).sqrt());
    return { weight: weight.mul(scale.unsqueeze(1)), bias: bias.sub(mean).mul(scale).add(beta) };
  });
}

export function thresholds({ gamma, beta, mean, variance, epsilon }: Statistics): Threshold[] {
  return Array.from(gamma.values, (factor, c) => ({
    // Where γ·(x − μ) / √(σ² + ε) + β is 0.
    threshold: mean.values[c] - (beta.values[c] * Math.sqrt(variance.values[c] + epsilon)) / factor,
    // A negative γ turns the order around.
    positive: factor > 0 ? 'above' : 'below',
  }));
}
