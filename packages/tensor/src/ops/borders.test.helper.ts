import { fc } from '@fast-check/vitest';
import { tensor } from '../create.js';
import type { RecordedCall } from '../op.js';
import { Rng } from '../random.js';
import { type Shape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { withRecorder } from '../with-recorder.js';

// Kernels go by fours, by 16 bytes, by items of 64 elements and by blocks of 128 rows: these sizes lie on and beside all borders.

export const borderSizes = fc.constantFrom(1, 2, 3, 4, 5, 7, 15, 16, 17, 63, 64, 65, 127, 128, 129, 130, 300);
export const borderChannels = fc.constantFrom(1, 2, 3, 4, 5, 8, 13, 16, 17, 33, 64, 65);
export const borderRows = fc.constantFrom(1, 2, 3, 5, 63, 127, 128, 129, 255, 257, 300);

/** Where random numbers come from: large tensors are drawn from a seed, as fast-check would take long over them. */
export const rngs = fc.nat().map((seed) => Rng.fromSeed(seed));

/** Normal numbers with some of these in between. */
export function sprinkled(rng: Rng, shape: Shape, specials: readonly number[]): Tensor {
  const values = rng.split('normal').normal(shape).values.slice();
  const choices = rng.split('choices').uniform([sizeOf(shape)], 0, 4 * specials.length).values;
  choices.forEach((choice, at) => {
    const special = specials[Math.floor(choice)];
    if (special !== undefined) values[at] = special;
  });
  return tensor(values, { shape });
}

/** The gradient rule of one input of an op, as a function of dy and the inputs, so that its kernels can be held to definitions. */
export function gradientOf(
  op: (...inputs: Tensor[]) => Tensor,
  input: number,
): (dy: Tensor, ...inputs: Tensor[]) => Tensor {
  return (dy, ...inputs) => {
    const calls: RecordedCall[] = [];
    withRecorder({ record: (call) => calls.push(call) }, () => op(...inputs));
    const rule = calls[0].gradient!(dy, calls[0].saved)[input];
    return rule!();
  };
}

/**
 * For ops whose gradients are held to definitions one by one, or that have none. Gradients may be long sums of floats, whose terms are
 * larger than what they come to: hence the tolerance.
 */
export const withoutDifferences = { gradient: false, tolerance: 5e-5 } as const;
