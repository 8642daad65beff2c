import { withBackend } from './backend.js';
import { Kernel } from './backends/cpu/kernel.js';
import { loadedKernels } from './backends/cpu/threads.js';
import { ones } from './create.js';
import { choosePortable } from './kernel-setting.js';
import { kernelTier } from './op.js';
import { dispose } from './scope.js';
import { f32x4, i32, store } from './wasm/assembler.js';
import { hasRelaxedSimd } from './wasm/features.js';

/**
 * Whether the multiply-adds of kernels round once. That depends on the engine, on the processor and on
 * `MOBINET_KERNELS`; see `hasRelaxedSimd`. Processes that are to compute the same bits must agree on it.
 *
 * @example
 * ```ts
 * import { multiplyAddIsFused } from '@mobinet/tensor/kernels';
 *
 * console.log(typeof multiplyAddIsFused());
 * // → boolean
 * ```
 */
export function multiplyAddIsFused(): boolean {
  if (kernelTier() === 'reference' || !hasRelaxedSimd()) return false;
  const result = withBackend('cpu', () => ones([4]));
  probe.run({ result }, 1);
  const [rest] = result.values;
  dispose(result);
  return rest !== 0;
}

/**
 * Lets kernels round multiply-adds twice, as with `MOBINET_KERNELS=portable`, so that processes whose processors or
 * engines differ compute the same bits. Only `multiplyAddIsFused` may have run a kernel before.
 *
 * @throws Error if other kernels have run, since they have been compiled for the processor.
 */
export function usePortableKernels(): void {
  const loaded = loadedKernels().filter((name) => name !== probe.name);
  if (loaded.length > 0) {
    throw new Error(
      `usePortableKernels: the kernel ${loaded[0]} has already run. Call it first, or set MOBINET_KERNELS=portable`,
    );
  }
  choosePortable();
}

/** (1 + 2⁻¹²)² = 1 + 2⁻¹¹ + 2⁻²⁴, whose last term does not survive the rounding of a product. */
const probe = new Kernel('f32_probe_multiply_add', { result: i32 }, ({ result }) => {
  const factor = f32x4.variable(f32x4.const(1 + 2 ** -12), 'factor');
  store(result, f32x4.variable(f32x4.const(-1 - 2 ** -11), 'sum').addMul(factor, factor));
});
