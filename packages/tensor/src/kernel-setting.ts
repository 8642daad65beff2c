import { environmentVariable } from './environment.js';

/** Which kernels run: `fast` kernels where they exist, or only the `reference` definitions. */
export type KernelTier = 'fast' | 'reference';

/** The kernels that multiply matrices of bits, by the instruction that counts differing signs. */
export type BitGemmKernel = (typeof bitGemmKernels)[number];

const bitGemmKernels = ['popcnt64', 'swizzle', 'cnt'] as const;

/** What the environment variable `MOBINET_KERNELS` says. */
export interface KernelSetting {
  readonly tier: KernelTier;
  /** Whether to do without instructions whose results differ between processors or engines (relaxed SIMD). */
  readonly portable: boolean;
  /** The kernel for products of bits; null lets the processor decide. */
  readonly bitGemm: BitGemmKernel | null;
}

let setting: KernelSetting | undefined;

/**
 * Returns what the environment variable `MOBINET_KERNELS` says, which is read once, or `usePortableKernels` has chosen.
 *
 * @throws RangeError if it makes no sense.
 *
 * @example
 * ```ts
 * import { kernelSetting } from '@mobinet/tensor/kernels';
 *
 * console.log(['fast', 'reference'].includes(kernelSetting().tier));
 * // → true
 * ```
 */
export function kernelSetting(): KernelSetting {
  setting ??= parseKernelSetting(environmentVariable('MOBINET_KERNELS') ?? '');
  return setting;
}

/** Does without relaxed SIMD from now on, as with `MOBINET_KERNELS=portable`. */
export function choosePortable(): void {
  setting = { ...kernelSetting(), portable: true };
}

/** Parses the value of `MOBINET_KERNELS`: words separated by commas. An empty one means the fast kernels. */
export function parseKernelSetting(text: string): KernelSetting {
  const words = text.split(',').map((word) => word.trim());
  const fail = (problem: string): never => {
    throw new RangeError(
      `MOBINET_KERNELS=${text}: ${problem}. It is "reference", or any of "portable" and one of ` +
        `${bitGemmKernels.map((kernel) => `"${kernel}"`).join(', ')}, separated by a comma.`,
    );
  };
  const known = ['', 'fast', 'reference', 'portable', ...bitGemmKernels];
  const unknown = words.find((word) => !known.includes(word));
  if (unknown !== undefined) fail(`"${unknown}" is unknown`);
  const isReference = words.includes('reference');
  if (isReference && words.length > 1) fail('the definitions have no variants');
  const portable = words.includes('portable');
  const chosen = bitGemmKernels.filter((kernel) => words.includes(kernel));
  if (chosen.length > 1) fail(`"${chosen.join('" and "')}" exclude each other`);
  return { tier: isReference ? 'reference' : 'fast', portable, bitGemm: chosen[0] ?? null };
}
