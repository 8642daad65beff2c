import { withGrain } from '../backends/cpu/dispatch.js';
import { poisonNewBlocks } from '../backends/cpu/heap.js';
import type { KernelTier } from '../kernel-setting.js';
import { withKernels } from '../op.js';
import type { AnyTensor } from '../op-definition.js';
import { tidy } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { checkGradient, type GradientOptions } from './check-gradient.js';
import { checkOnGpu, gpuIsChecked } from './check-on-gpu.js';
import { elements, expectEqual, type Result, resultOf } from './expect-equal.js';

/** Options of `checkOp`. */
export interface CheckOpOptions extends GradientOptions {
  /** The tolerance between the floats of fast and reference kernels, relative to the largest element. Default: 1e-5. */
  tolerance?: number;
  /** The tolerance for GPU kernels, whose exp, for example, is less accurate. Default: 1e-4. */
  gpuTolerance?: number;
  /** Whether to test GPU kernels. Turn it off for NaN and infinities, which are not reliable there. Default: true. */
  gpu?: boolean;
  /** Whether to check the gradient. It requires a function from f32 tensors to one f32 tensor. Default: true. */
  gradient?: boolean;
}

/**
 * Checks the laws that every op obeys:
 *
 * - The fast kernel agrees with the definition: exactly for bits and integers, within a tolerance for floats.
 * - The result has the same bits however the work is divided among threads.
 * - Every element of the output is written, and nothing beyond it.
 * - Inputs are not changed.
 * - The gradient is the derivative.
 *
 * NaN must match NaN, and an infinity the same infinity. Zeros of different signs count as equal, because a sum in a
 * different order may end in either. (special-values.test.ts of autograd compares definitions and fast kernels with
 * PyTorch for such numbers.)
 *
 * In test runs on a GPU, its kernels and gradients are compared with the definition instead, and a failure is reported
 * after the test.
 *
 * @param f Calls the op on its inputs, and returns one result.
 * @param inputs Tensors of any dtypes and shapes that the op takes.
 * @throws Error with one line if a law is broken.
 *
 * @example
 * ```ts
 * import { relu, type Tensor, tensor } from '@mobinet/tensor';
 * import { checkOp } from '@mobinet/tensor/testing';
 *
 * checkOp(relu, [tensor([-1.5, 0.5, 2])]);
 * try {
 *   checkOp((x: Tensor) => relu(x).mul(2 - x.values[0]), [tensor([1, 2])]); // x.values is a constant to the gradient
 * } catch (error) {
 *   console.log((error as Error).message.split(' at ')[0]);
 * }
 * // → the gradient of input 0
 * ```
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
  expectEqual('the reference kernel does not write every element', reference, run(f, inputs, 'reference', 0xff), 0);
  const fast = run(f, inputs, 'fast', 0xff);
  expectEqual('fast and reference kernels disagree', reference, fast, options.tolerance ?? 1e-5);
  const divided = withGrain(1, () => run(f, inputs, 'fast', 0xff));
  expectEqual('the result depends on how the work is divided among threads', fast, divided, 0);
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
