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
/** Comparisons that wait for the GPU. */
let pending: Promise<void>[] = [];

/** Opens the GPU, and has `checkOp` look at its kernels from now on. New tensors are made on the CPU nevertheless. */
export async function startGpuChecks(): Promise<void> {
  await useBackend('webgpu');
  await useBackend('cpu');
  isOn = true;
}

/** Whether `checkOp` is of the GPU. */
export function gpuIsChecked(): boolean {
  return isOn;
}

/** Waits for all comparisons that were begun. @throws Error, the first that failed. */
export async function finishGpuChecks(): Promise<void> {
  const all = pending;
  pending = [];
  await Promise.all(all);
}

/** Compares what f makes on the GPU with what the definitions make, and its gradients likewise. */
export function checkOnGpu<I extends readonly AnyTensor[]>(
  f: (...inputs: I) => AnyTensor,
  inputs: I,
  { gpuTolerance = 1e-4, gradient = true }: { gpuTolerance?: number; gradient?: boolean },
): void {
  const g = f as unknown as (...inputs: Tensor[]) => Tensor;
  const all = (of: readonly Tensor[]): (AnyTensor | null)[] => [g(...of), ...(gradient ? reverseSweep(g, of) : [])];
  const expected = tidy(() => ({
    results: withKernels('reference', () => all(inputs as unknown as Tensor[])).map(
      (result) => result && resultOf(result),
    ),
  })).results;
  const before = inputs.map(resultOf);
  poisonGpuBlocks(0xff);
  try {
    withBackend('webgpu', () => {
      const moved = new Map<AnyTensor, AnyTensor>();
      for (const input of inputs) moved.set(input, moved.get(input) ?? toBackend(input));
      const own = inputs.map((input) => moved.get(input)!);
      tidy(() => {
        for (const [index, output] of all(own as unknown as Tensor[]).entries()) {
          const what = index === 0 ? '' : ` in gradient ${index - 1}`;
          pending.push(compare(`GPU and definition disagree${what}`, expected[index], output, gpuTolerance));
        }
        for (const [index, input] of own.entries()) {
          pending.push(compare(`the GPU has changed input ${index}`, before[index], input, 0));
        }
      });
      dispose(own);
    });
  } catch (error) {
    // What trains a network has kernels: training.gpu.test.ts needs them all. The rest may lack them, and says so.
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
    if (expected !== actual) throw new Error(`${problem}: one of them has none`);
    return;
  }
  const { dtype, shape } = actual;
  expectEqual(problem, expected, { dtype, shape, values: await actual.data() }, tolerance);
}
