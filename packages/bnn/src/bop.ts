import { Adam, type AdamOptions, Parameter, smallestMoment } from '@mobinet/autograd';
import { applyInto, defineOp, type Tensor } from '@mobinet/tensor';

export interface BopOptions extends AdamOptions {
  /** τ: how strong the mean gradient must be to flip a weight. Default 1e-8. */
  threshold?: number;
  /** γ: how fast the mean follows the gradient. Default 1e-4. */
  adaptivity?: number;
}

/**
 * The binary optimizer (Helwegen et al., "Latent weights do not exist", 2019). Binary parameters hold ±1 and nothing
 * else; one flips when its gradient has pushed against it for long enough:
 *
 *     m ← (1 − γ)·m + γ·g;   w ← −w  where |m| > τ and sign(m) = sign(w)
 *
 * All other parameters are trained by Adam. Use it with `scalingGradient: 'detached'`: all |w| being 1, α is 1.
 */
export class Bop extends Adam {
  readonly #threshold: number;
  readonly #adaptivity: number;

  constructor({ threshold = 1e-8, adaptivity = 1e-4, ...adam }: BopOptions = {}) {
    super(adam);
    this.#threshold = threshold;
    this.#adaptivity = adaptivity;
  }

  protected override updateOne(path: string, parameter: Tensor, gradient: Tensor): void {
    if (!(parameter instanceof Parameter && parameter.binary)) {
      super.updateOne(path, parameter, gradient);
      return;
    }
    const mean = this.slot('mean', path, parameter);
    const attributes = { threshold: this.#threshold, adaptivity: this.#adaptivity };
    applyInto(bopOp, [parameter, gradient, mean], [parameter, mean], attributes);
  }
}

const bopOp = defineOp<[Tensor, Tensor, Tensor], [Tensor, Tensor], { threshold: number; adaptivity: number }>({
  name: 'bop',
  outputs: ([parameter]) => [parameter, parameter],
  reference([{ values: w }, { values: g }, { values: m }], [{ values: w2 }, { values: m2 }], attributes) {
    const { threshold, adaptivity } = attributes;
    for (let i = 0; i < w.length; i++) {
      const mean = (1 - adaptivity) * m[i] + adaptivity * g[i];
      const isNegative = w[i] < 0;
      const flips = Math.abs(mean) > threshold && mean < 0 === isNegative;
      m2[i] = Math.abs(mean) < smallestMoment ? 0 : mean;
      w2[i] = isNegative === flips ? 1 : -1;
    }
  },
});
