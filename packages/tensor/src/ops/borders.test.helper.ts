import { fc } from '@fast-check/vitest';
import { tensor } from '../create.js';
import { twinOf } from '../handles.js';
import type { RecordedCall } from '../op.js';
import { Rng } from '../random.js';
import { keep } from '../scope.js';
import { type Shape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { withRecorder } from '../with-recorder.js';

// Kernels process vectors of 4 floats or 16 bytes, work items of 64 elements, and blocks of 128 rows. These sizes lie
// on and next to each of those boundaries.

export const borderSizes = fc.constantFrom(1, 2, 3, 4, 5, 7, 15, 16, 17, 63, 64, 65, 127, 128, 129, 130, 300);
export const borderChannels = fc.constantFrom(1, 2, 3, 4, 5, 8, 13, 16, 17, 33, 64, 65);
export const borderRows = fc.constantFrom(1, 2, 3, 5, 63, 127, 128, 129, 255, 257, 300);

/** Random generators for large tensors. fast-check only draws the seed, since drawing every element would be slow. */
export const rngs = fc.nat().map((seed) => Rng.fromSeed(seed));

/** Normally distributed numbers with some of `specials` scattered among them. */
export function sprinkled(rng: Rng, shape: Shape, specials: readonly number[]): Tensor {
  const values = rng.split('normal').normal(shape).values.slice();
  const choices = rng.split('choices').uniform([sizeOf(shape)], 0, 4 * specials.length).values;
  choices.forEach((choice, at) => {
    const special = specials[Math.floor(choice)];
    if (special !== undefined) values[at] = special;
  });
  return tensor(values, { shape });
}

/**
 * The gradient rule of one input of an op as a function of dy and the inputs, so that `checkOp` can test its kernels.
 */
export function gradientOf(
  op: (...inputs: Tensor[]) => Tensor,
  input: number,
): (dy: Tensor, ...inputs: Tensor[]) => Tensor {
  return (dy, ...inputs) => {
    const calls: RecordedCall[] = [];
    // Twins, as on a tape: the op may free what only its rule reads.
    const record = (call: RecordedCall) =>
      calls.push({ ...call, saved: call.saved.map((tensor) => keep(twinOf(tensor))) });
    withRecorder({ record }, () => op(...inputs));
    const rule = calls[0].gradient!(dy, calls[0].saved)[input];
    return rule!();
  };
}

/**
 * Options of `checkOp` for ops without a gradient, and for those whose gradient is tested on its own. Gradients may be
 * long sums of floats whose terms are larger than the result, so the tolerance is wide.
 */
export const withoutDifferences = { gradient: false, tolerance: 5e-5 } as const;
