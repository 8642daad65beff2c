import { Race, type Sample } from '../../backends/cpu/race.js';
import { type BitGemmKernel, kernelSetting } from '../../kernel-setting.js';
import { hasRelaxedSimd } from '../../wasm/features.js';
import { type BitGemm, bitGemmByPopcounts } from './bit-gemm.wasm.js';
import { bitGemmByCnt } from './bit-gemm-cnt.wasm.js';
import { fitsLanes } from './bit-gemm-lanes.wasm.js';
import { bitGemmBySwizzle } from './bit-gemm-swizzle.wasm.js';

const kernels: Readonly<Record<BitGemmKernel, (gemm: BitGemm) => void>> = {
  popcnt64: bitGemmByPopcounts,
  swizzle: bitGemmBySwizzle,
  cnt: bitGemmByCnt,
};

/** Decides between the kernels for large products. */
export const bitGemmRace = /* @__PURE__ */ new Race<BitGemmKernel>({
  family: 'bits_gemm',
  kernels: () => (hasRelaxedSimd() ? ['swizzle', 'popcnt64', 'cnt'] : ['popcnt64', 'cnt']),
  demanded: () => kernelSetting().bitGemm,
});

/** y[i, j] = signs − 2·popcount(a[i] xor b[j]): the dot product of each row of a with each row of b (bit-matmul.ts). */
export function bitGemm(gemm: BitGemm): void {
  kernels[kernelFor(gemm)](gemm);
}

/** With fewer rows of a or of b, turning b into lanes takes longer than it saves. */
const [leastRowsOfA, leastRowsOfB] = [16, 32];

function kernelFor(gemm: BitGemm): BitGemmKernel {
  if (!fitsLanes(gemm)) return 'popcnt64';
  const { demanded } = bitGemmRace;
  if (demanded !== null) return demanded;
  const { m, n, signs } = gemm;
  if (m < leastRowsOfA || n < leastRowsOfB) return 'popcnt64';
  return bitGemmRace.next((m * n * signs) / pairsPerNanosecond, sampleOf(gemm));
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
