import { Adam, type AdamOptions, Parameter, type Update } from '@mobinet/autograd';
import { adamOptions, defineUpdate } from '@mobinet/autograd/kernels';
import { checkNumber, checkOptions } from '@mobinet/tensor/functions';
import { f32x4, flushed, flushedLanes, flushedWgsl } from '@mobinet/tensor/kernels';

/**
 * Options of `Bop`. Those inherited from `AdamOptions` apply to the parameters that are not binary, and so do their
 * `groups`: flips have no learning rate.
 */
export interface BopOptions extends AdamOptions {
  /** τ, the magnitude that the mean gradient must exceed to flip a weight, 0 or more. Default 1e-8. */
  threshold?: number;
  /** γ, how fast the mean follows the gradient, from 0 to 1. Default 1e-4. */
  adaptivity?: number;
}

/**
 * The binary optimizer (Helwegen et al., "Latent weights do not exist", 2019). Binary parameters hold only ±1. A weight
 * flips when its gradient has pushed against it for long enough:
 *
 *     m ← (1 − γ)·m + γ·g;   w ← −w  where |m| > τ and sign(m) = sign(w)
 *
 * Adam trains all other parameters. Use `scalingGradient: 'detached'` with it: since all |w| are 1, α is always 1.
 *
 * @example
 * ```ts
 * import { Parameter } from '@mobinet/autograd';
 * import { Bop } from '@mobinet/bnn';
 * import { tensor } from '@mobinet/tensor';
 *
 * const weight = new Parameter(tensor([1, 1]), { binary: true });
 * // A positive gradient means that the loss decreases where the weight does.
 * new Bop({ threshold: 0.1, adaptivity: 0.5 }).update(weight, tensor([1, -1]));
 * console.log(`${weight.values}`);
 * // → -1,1
 * ```
 */
export class Bop extends Adam {
  readonly #threshold: number;
  readonly #adaptivity: number;

  /** @throws RangeError if an option is out of range or unknown; TypeError if the options are not an object. */
  constructor(options: BopOptions = {}) {
    checkOptions('bop', options, ['threshold', 'adaptivity', ...adamOptions]);
    const { threshold = 1e-8, adaptivity = 1e-4, ...adam } = options;
    super(adam, 'bop');
    this.#threshold = checkNumber('bop: threshold', threshold, { from: 0 });
    this.#adaptivity = checkNumber('bop: adaptivity', adaptivity, { from: 0, to: 1 });
  }

  protected override updateAll(updates: readonly Update[]): void {
    const isBinary = ({ parameter }: Update): boolean => parameter instanceof Parameter && parameter.binary;
    super.updateAll(updates.filter((update) => !isBinary(update)));
    const [threshold, adaptivity] = [this.#threshold, this.#adaptivity];
    const numbers = { threshold, adaptivity, rest: 1 - adaptivity };
    // A flip has no size, so it does not depend on the learning rate.
    this.applyRule(bop, updates.filter(isBinary), () => numbers);
  }
}

const bop = defineUpdate({
  name: 'bop',
  slots: ['mean'],
  numbers: ['threshold', 'adaptivity', 'rest'],
  scalar:
    (p) =>
    ([w, g, m]) => {
      const mean = flushed(p.rest * m + p.adaptivity * flushed(g));
      const sign = w < 0 ? -1 : 1;
      // A mean with the sign of the weight pushes against it.
      const flips = Math.abs(mean) > p.threshold && (mean < 0 ? -1 : 1) === sign;
      return [flips ? -sign : sign, mean];
    },
  lanes:
    (p) =>
    ([w, g, m]) => {
      const [zero, one] = [f32x4.const(0), f32x4.const(1)];
      const mean = f32x4.variable(flushedLanes(p.rest.mul(m).add(p.adaptivity.mul(flushedLanes(g)))), 'mean');
      const isNegative = f32x4.variable(w.lt(zero), 'isNegative');
      const isStrong = mean.abs().gt(p.threshold);
      const flips = isStrong.and(mean.lt(zero).xor(isNegative).eq(zero));
      return [one.neg().where(isNegative.xor(flips), one), mean];
    },
  wgsl: `
  mean = p.rest * mean + p.adaptivity * ${flushedWgsl('g')};
  mean = ${flushedWgsl('mean')};
  let isNegative = w < 0.0;
  let flips = abs(mean) > p.threshold && (mean < 0.0) == isNegative;
  w = select(-1.0, 1.0, isNegative == flips);`,
});
