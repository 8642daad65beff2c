import { Race, type Sample } from '../../backends/cpu/race.js';
import { threadCount } from '../../backends/cpu/threads.js';
import { type BitGemmKernel, kernelSetting } from '../../kernel-setting.js';
import { hasRelaxedSimd } from '../../wasm/features.js';
import { type BitGemm, bitGemmByPopcounts, maxUnrolledSigns } from './bit-gemm.wasm.js';
import { bitGemmByCnt } from './bit-gemm-cnt.wasm.js';
import { fitsLanes } from './bit-gemm-lanes.wasm.js';
import { bitGemmBySwizzle } from './bit-gemm-swizzle.wasm.js';
import { lanes } from './bit-lanes.wasm.js';

const kernels: Readonly<Record<BitGemmKernel, (gemm: BitGemm) => void>> = {
  popcnt64: bitGemmByPopcounts,
  swizzle: bitGemmBySwizzle,
  cnt: bitGemmByCnt,
};

/** Decides between the kernels for large products. */
export const bitGemmRace = /* @__PURE__ */ new Race<BitGemmKernel>({
  family: 'bits_gemm',
  // Without relaxed SIMD, a swizzle is two instructions on x86.
  kernels: () => (hasRelaxedSimd() ? ['swizzle', 'popcnt64', 'cnt'] : ['popcnt64', 'swizzle', 'cnt']),
  demanded: () => kernelSetting().bitGemm,
});

/**
 * For tests and benchmarks: while `body` runs, this kernel computes all products of bits that it can compute.
 *
 * @example
 * ```ts
 * import { bitMatmul, ones, packBits } from '@mobinet/tensor';
 * import { withBitGemm } from '@mobinet/tensor/kernels';
 *
 * const [a, b] = [packBits(ones([16, 128])), packBits(ones([48, 128]))];
 * const c = withBitGemm('swizzle', () => bitMatmul(a, b));
 * console.log(c.values.every((count) => count === 128)); // all kernels give the same bits
 * // → true
 * ```
 */
export function withBitGemm<T>(kernel: BitGemmKernel, body: () => T): T {
  return bitGemmRace.forced.during(kernel, body);
}

/** y[i, j] = signs − 2·popcount(a[i] xor b[j]): the dot product of each row of a with each row of b (bit-matmul.ts). */
export function bitGemm(gemm: BitGemm): void {
  kernels[kernelFor(gemm)](gemm);
}

function kernelFor(gemm: BitGemm): BitGemmKernel {
  if (!fitsLanes(gemm)) return 'popcnt64';
  const { demanded } = bitGemmRace;
  if (demanded !== null) return demanded;
  if (!isLarge(gemm)) return 'popcnt64';
  const { m, n, signs } = gemm;
  return bitGemmRace.next((m * n * signs) / pairsPerNanosecond, sampleOf(gemm));
}

/** Whether turning b into lanes saves more time than it takes. */
function isLarge({ m, n, signs }: BitGemm): boolean {
  // Lanes that one thread has written for all have to be fetched from its cache. With long rows that is worth it.
  const threads = threadCount();
  const leastRows = threads === 1 || signs > maxUnrolledSigns ? 16 : 64 * threads;
  // No more than an eighth of the lanes may be repeated.
  const allLanes = lanes * Math.ceil(n / lanes);
  return m >= leastRows && n >= 48 && n >= (7 / 8) * allLanes && m * n * signs >= 2 ** 20;
}

/** The approximate speed of all the kernels, in pairs of signs. */
const pairsPerNanosecond = 250;

/** The first rows of a product: enough of them that turning b into lanes matters little, and no more. */
function sampleOf(gemm: BitGemm): Sample<BitGemmKernel> | null {
  const { m, n, signs, y } = gemm;
  const rows = Math.max(64, Math.ceil(4_000_000 / (n * signs)));
  if (m < rows || n * signs > 2 ** 17) return null;
  return { key: [rows, n, signs, y.dtype].join(), run: (kernel) => kernels[kernel]({ ...gemm, m: rows }) };
}
