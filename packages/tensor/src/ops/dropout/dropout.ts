import { withBackend } from '../../backend.js';
import { checkNumber, checkOptions, checkTensor, type NumberRange } from '../../check.js';
import { scalar } from '../../create.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { checkRng, type Rng, refuseInPrograms } from '../../random.js';
import { dispose, keep, tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { mul } from '../elementwise/binary.js';
import { dropoutByKernel, maskedByKernel } from './dropout.wasm.js';
import { drawMask, groupSize, type MaskAttributes, maskLength } from './mask.js';

/** Options of `dropout`. */
export interface DropoutOptions {
  /** The probability that an element is dropped, from 0 to 1. Default 0.5. */
  rate?: number;
  /** The source of the mask. A call draws two words from it. */
  rng: Rng;
}

/**
 * The rates of dropout.
 *
 * @example
 * ```ts
 * import { isInRange } from '@mobinet/tensor';
 * import { dropoutRange } from '@mobinet/tensor/kernels';
 *
 * console.log(`${isInRange(0.5, dropoutRange)}, ${isInRange(1.5, dropoutRange)}`);
 * // → true, false
 * ```
 */
export const dropoutRange: NumberRange = { from: 0, to: 1 };

/**
 * Sets each element to 0 with probability `rate`, and divides the others by 1 − rate, so that the expected value of each
 * element stays the same (inverted dropout: Srivastava et al., JMLR 2014):
 *
 *     y = x·m / (1 − rate),   m = 0 with probability rate, else 1
 *
 * As in PyTorch, dropped infinities become NaN (∞·0), and with rate 1 the result is x·0. The mask takes one bit of
 * memory per element until the gradient is computed. It depends on the key and the counter of `rng`, the size of x and
 * the rate: not on threads, kernels or the backend.
 *
 * @param x f32 of any shape.
 * @returns f32 of the shape of x.
 * @throws RangeError if the rate is outside 0 … 1; TypeError without an `rng`; DTypeError unless x is f32; TraceError in
 *   a program.
 *
 * @example
 * ```ts
 * import { dropout, ones, Rng } from '@mobinet/tensor';
 *
 * const y = dropout(ones([8]), { rate: 0.5, rng: Rng.fromSeed(1) });
 * console.log(`${y.values}`); // the survivors are doubled
 * // → 0,2,2,2,2,0,0,0
 * ```
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  checkTensor('dropout', x, 'x', ['f32']);
  checkOptions('dropout', options, ['rate', 'rng']);
  const { rate = 0.5, rng } = options;
  checkNumber('dropout: rate', rate, dropoutRange);
  checkRng('dropout', rng);
  const key = [rng.bits(), rng.bits()] as const;
  const draws = keep(withBackend(x.backend, () => scalar(0)));
  try {
    return countedDropout(x, draws, { rate, key });
  } finally {
    dispose(draws);
  }
}

/**
 * `dropout` for a layer that counts its masks in a tensor, which is saved with a network.
 *
 * @param x f32 of any shape.
 * @param draws A scalar on the backend of x: how many masks have been drawn with the key before. The caller counts on.
 * @param attributes The rate and the key of an `Rng`.
 * @throws DTypeError unless x is f32; TraceError in a program.
 *
 * @example
 * ```ts
 * import { ones, Rng, scalar } from '@mobinet/tensor';
 * import { countedDropout } from '@mobinet/tensor/kernels';
 *
 * const { key } = Rng.fromSeed(0);
 * const [first, again, second] = [0, 0, 1].map((draws) => countedDropout(ones([64]), scalar(draws), { rate: 0.5, key }));
 * console.log(`${first.values.join() === again.values.join()}, ${first.values.join() === second.values.join()}`);
 * // → true, false
 * ```
 */
export function countedDropout(x: Tensor, draws: Tensor, attributes: MaskAttributes): Tensor {
  refuseInPrograms('dropout');
  checkTensor('dropout', x, 'x', ['f32']);
  if (attributes.rate === 1) return mul(x, 0);
  // Frees the mask, which only the gradient reads.
  return tidy(() => apply(dropoutOp, [x, draws], attributes)[0]);
}

/** 1 / (1 − rate), as a factor of those that are kept. */
const scaleOf = ({ rate }: MaskAttributes): number => 1 / (1 - rate);

const dropoutOp = defineOp<
  [x: Tensor, draws: Tensor],
  [y: Tensor, mask: Tensor<'i32'>],
  MaskAttributes,
  [Tensor<'i32'>]
>({
  name: 'dropout',
  outputs([x]) {
    return [
      { dtype: 'f32', shape: x.shape },
      { dtype: 'i32', shape: [maskLength(x.size)] },
    ];
  },
  reference([x, draws], [y, mask], attributes) {
    drawMask(mask.values, attributes, draws.values[0]);
    maskByLoop(x, mask, y, scaleOf(attributes));
  },
  fast: ([x, draws], outputs, attributes) => dropoutByKernel(x, outputs, attributes, draws.values[0]),
  webgpu([x, draws], [y, mask], attributes) {
    gpuKernels().drawMaskOnGpu(draws, mask, attributes);
    gpuKernels().maskedOnGpu(x, mask, y, scaleOf(attributes));
  },
  saves: (_, [, mask]) => [mask],
  gradient: (dy, { saved: [mask], attributes }) => [() => masked(dy, mask, scaleOf(attributes)), null],
});

/** x·scale where the mask is 1, otherwise x·0. It is linear in x, so it is its own gradient. */
function masked(x: Tensor, mask: Tensor<'i32'>, scale: number): Tensor {
  return apply(maskedOp, [x, mask], { scale })[0];
}

const maskedOp = defineOp<[Tensor, Tensor<'i32'>], [Tensor], { scale: number }, [Tensor<'i32'>]>({
  name: 'dropoutGradient',
  accepts: [['f32'], ['i32']],
  outputs: ([{ shape }]) => [{ dtype: 'f32', shape }],
  reference: ([x, mask], [y], { scale }) => maskByLoop(x, mask, y, scale),
  fast: ([x, mask], [y], { scale }) => maskedByKernel(x, mask, y, scale),
  webgpu: ([x, mask], [y], { scale }) => gpuKernels().maskedOnGpu(x, mask, y, scale),
  saves: ([, mask]) => [mask],
  gradient: (dy, { saved: [mask], attributes: { scale } }) => [() => masked(dy, mask, scale), null],
});

function maskByLoop({ values: x }: Tensor, { values: mask }: Tensor<'i32'>, { values: y }: Tensor, scale: number) {
  for (let at = 0; at < x.length; at++) {
    const [group, place] = [Math.floor(at / groupSize), at % groupSize];
    const isKept = (mask[4 * group + (place % 4)] >>> (31 - (place >>> 2))) & 1;
    y[at] = x[at] * (isKept ? scale : 0);
  }
}
