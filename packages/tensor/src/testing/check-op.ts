import { withGrain } from '../backends/cpu/dispatch.js';
import { poisonNewBlocks } from '../backends/cpu/heap.js';
import { type KernelTier, withKernels } from '../op.js';
import type { AnyTensor } from '../op-definition.js';
import { tidy } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { checkGradient, type GradientOptions } from './check-gradient.js';
import { checkOnGpu, gpuIsChecked } from './check-on-gpu.js';
import { elements, expectEqual, type Result, resultOf } from './expect-equal.js';

export interface CheckOpOptions extends GradientOptions {
  /** Allowed difference between fast and reference floats, relative to the largest element. Default 1e-5. */
  tolerance?: number;
  /** The same for kernels of a GPU, whose exp, say, is less exact. Default 1e-4. */
  gpuTolerance?: number;
  /** Whether it makes sense on a GPU, where NaN and infinities are not reliable. Default true. */
  gpu?: boolean;
  /** Compare the gradient with finite differences. Default true; needs a function from f32 tensors to one f32 tensor. */
  gradient?: boolean;
}

/**
 * Holds an op to the laws that every op obeys: the fast kernel agrees with its definition (exactly, for bits and
 * integers) and gives the same bits however its work is divided, every element of the output is written and nothing beyond,
 * inputs stay as they were, and the gradient is the derivative. NaN must be NaN on either side, and an infinity the same one; zeros of
 * either sign count as equal, since a sum in another order may end in the other. (special-values.test.ts of autograd holds definitions
 * and fast kernels to what PyTorch makes of such numbers.)
 *
 * Where tests are of the GPU (`gpuIsChecked`), its kernels and gradients are held to the same definition, after the test has run.
 */
export function checkOp<I extends readonly AnyTensor[]>(
  f: (...inputs: I) => AnyTensor,
  inputs: I,
  options: CheckOpOptions = {},
): void {
  if (gpuIsChecked()) {
    if (options.gpu ?? true) checkOnGpu(f, inputs, options);
    return;
  }
  const before = inputs.map(elements);
  const reference = run(f, inputs, 'reference', 0x00);
  expectEqual('an element was not written (reference kernel)', reference, run(f, inputs, 'reference', 0xff), 0);
  const fast = run(f, inputs, 'fast', 0xff);
  expectEqual('fast and reference kernels disagree', reference, fast, options.tolerance ?? 1e-5);
  const divided = withGrain(1, () => run(f, inputs, 'fast', 0xff));
  expectEqual('the result depends on how work is divided among threads', fast, divided, 0);
  inputs.forEach((input, index) => {
    if (elements(input).some((value, at) => !Object.is(value, before[index][at])))
      throw new Error(`input ${index} was changed`);
  });
  if (options.gradient ?? true) {
    checkGradient(f as unknown as (...inputs: Tensor[]) => Tensor, inputs as unknown as Tensor[], options);
  }
}

function run<I extends readonly AnyTensor[]>(
  f: (...inputs: I) => AnyTensor,
  inputs: I,
  tier: KernelTier,
  poison: number,
): Result {
  poisonNewBlocks(poison);
  let result: Result | undefined;
  try {
    tidy(() => {
      const output = withKernels(tier, () => f(...inputs));
      result = resultOf(output);
    });
  } finally {
    poisonNewBlocks(null);
  }
  return result!;
}
