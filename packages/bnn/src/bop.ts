import { Adam, type AdamOptions, Parameter, type Update } from '@mobinet/autograd';
import { UpdateKernel } from '@mobinet/autograd/kernels';
import { applyInto, checkNumber, defineOp, type Tensor } from '@mobinet/tensor';
import { f32, f32x4, flushed, flushedLanes } from '@mobinet/tensor/kernels';
import { bopOnGpu } from './bop.wgsl.js';

export interface BopOptions extends AdamOptions {
  /** τ: how strong the mean gradient must be to flip a weight, 0 or more. Default 1e-8. */
  threshold?: number;
  /** γ: how fast the mean follows the gradient, from 0 to 1. Default 1e-4. */
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
    this.#threshold = checkNumber('bop: threshold', threshold, { from: 0 });
    this.#adaptivity = checkNumber('bop: adaptivity', adaptivity, { from: 0, to: 1 });
  }

  protected override updateAll(updates: readonly Update[]): void {
    const isBinary = ({ parameter }: Update): boolean => parameter instanceof Parameter && parameter.binary;
    super.updateAll(updates.filter((update) => !isBinary(update)));
    const tensors = updates
      .filter(isBinary)
      .map(({ path, parameter, gradient }) => [parameter, gradient, this.slot('mean', path, parameter)]);
    const written = tensors.map(([parameter, , mean]) => [parameter, mean]);
    const attributes = { threshold: this.#threshold, adaptivity: this.#adaptivity };
    applyInto(bopOp, tensors.flat(), written.flat(), attributes);
  }
}

/** All binary parameters at once: three tensors go in for each (parameter, gradient, mean), two come out. */
const bopOp = defineOp<readonly Tensor[], readonly Tensor[], { threshold: number; adaptivity: number }>({
  name: 'bop',
  outputs: (inputs) => inputs.filter((_, index) => index % 3 !== 1),
  reference(inputs, outputs, { threshold, adaptivity }) {
    for (let index = 0; 3 * index < inputs.length; index++) {
      const [w, g, m] = inputs.slice(3 * index, 3 * index + 3).map(({ values }) => values);
      const [w2, m2] = outputs.slice(2 * index, 2 * index + 2).map(({ values }) => values);
      for (let i = 0; i < w.length; i++) {
        const mean = flushed((1 - adaptivity) * m[i] + adaptivity * flushed(g[i]));
        const sign = w[i] < 0 ? -1 : 1;
        const flips = Math.abs(mean) > threshold && (mean < 0 ? -1 : 1) === sign;
        m2[i] = mean;
        w2[i] = flips ? -sign : sign;
      }
    }
  },
  fast(inputs, _, { threshold, adaptivity }) {
    const updates = Array.from({ length: inputs.length / 3 }, (_, index) => ({
      tensors: inputs.slice(3 * index, 3 * index + 3),
    }));
    bopKernel.run(updates, { threshold, adaptivity, rest: 1 - adaptivity });
  },
  webgpu(inputs, _, { threshold, adaptivity }) {
    const numbers = { threshold, adaptivity, rest: 1 - adaptivity };
    for (let at = 0; at < inputs.length; at += 3) bopOnGpu(inputs.slice(at, at + 3), numbers);
  },
});

const bopKernel = new UpdateKernel(
  'bop',
  3,
  ({ threshold, adaptivity, rest }) =>
    ([w, g, m]) => {
      const [zero, one] = [f32x4.const(0), f32x4.const(1)];
      const mean = f32x4.variable(flushedLanes(rest.mul(m).add(adaptivity.mul(flushedLanes(g)))), 'mean');
      const isNegative = f32x4.variable(w.lt(zero), 'isNegative');
      // A mean of the weight's own sign pushes against it.
      const isStrong = mean.abs().gt(threshold);
      const flips = isStrong.and(mean.lt(zero).xor(isNegative).eq(zero));
      return [one.neg().where(isNegative.xor(flips), one), mean];
    },
  { threshold: f32, adaptivity: f32, rest: f32 },
);
