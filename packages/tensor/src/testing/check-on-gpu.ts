import { withBackend } from '../backend.js';
import { poisonGpuBlocks } from '../backends/webgpu/gpu-block.js';
import { MissingKernelError } from '../errors.js';
import { toBackend } from '../move.js';
import { withKernels } from '../op.js';
import type { AnyTensor } from '../op-definition.js';
import { dispose, tidy } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { useBackend } from '../use-backend.js';
import { reverseSweep } from './check-gradient.js';
import { expectEqual, type Result, resultOf } from './expect-equal.js';

let isOn = false;
/** The comparisons that are waiting for the GPU. */
let pending: Promise<void>[] = [];

/** Opens a GPU, and makes `checkOp` test its kernels from now on. New tensors are still created on the CPU. */
export async function startGpuChecks(): Promise<void> {
  await useBackend('webgpu');
  await useBackend('cpu');
  isOn = true;
}

/** Whether `checkOp` tests the kernels of the GPU. */
export function gpuIsChecked(): boolean {
  return isOn;
}

/**
 * Waits for all pending comparisons. @throws Error if one has failed.
 *
 * @example
 * ```ts
 * import { finishGpuChecks } from '@mobinet/tensor/testing';
 *
 * await finishGpuChecks(); // after each test, once startGpuChecks() was called
 * console.log('no comparison has failed');
 * // → no comparison has failed
 * ```
 */
export async function finishGpuChecks(): Promise<void> {
  const all = pending;
  pending = [];
  await Promise.all(all);
}

/** Compares the result of `f` on the GPU, and its gradients, with those of the definitions. */
export function checkOnGpu<I extends readonly AnyTensor[]>(
  f: (...inputs: I) => AnyTensor,
  inputs: I,
  { gpuTolerance = 1e-4, gradient = true }: { gpuTolerance?: number; gradient?: boolean },
): void {
  const g = f as unknown as (...inputs: Tensor[]) => Tensor;
  const evaluate = (x: readonly Tensor[]): (AnyTensor | null)[] => [g(...x), ...(gradient ? reverseSweep(g, x) : [])];
  const expected = tidy(() => ({
    results: withKernels('reference', () => evaluate(inputs as unknown as Tensor[])).map(
      (result) => result && resultOf(result),
    ),
  })).results;
  const before = inputs.map(resultOf);
  poisonGpuBlocks(0xff);
  try {
    withBackend('webgpu', () => {
      const moved = new Map<AnyTensor, AnyTensor>();
      for (const input of inputs) moved.set(input, moved.get(input) ?? toBackend(input));
      const copies = inputs.map((input) => moved.get(input)!);
      tidy(() => {
        for (const [index, output] of evaluate(copies as unknown as Tensor[]).entries()) {
          const what = index === 0 ? '' : ` in gradient ${index - 1}`;
          pending.push(compare(`GPU and definition disagree${what}`, expected[index], output, gpuTolerance));
        }
        for (const [index, input] of copies.entries()) {
          pending.push(compare(`the GPU changed input ${index}`, before[index], input, 0));
        }
      });
      dispose(copies);
    });
  } catch (error) {
    // Ops may lack a GPU kernel. training.gpu.test.ts makes sure that those needed to train a network have one.
    if (!(error instanceof MissingKernelError)) throw error;
  } finally {
    poisonGpuBlocks(null);
  }
}

async function compare(
  problem: string,
  expected: Result | null,
  actual: AnyTensor | null,
  tolerance: number,
): Promise<void> {
  if (!expected || !actual) {
    if (expected !== actual) throw new Error(`${problem}: only one of them has a gradient`);
    return;
  }
  const { dtype, shape } = actual;
  expectEqual(problem, expected, { dtype, shape, values: await actual.data() }, tolerance);
}
