import { fc, test } from '@fast-check/vitest';
import { afterAll, describe, expect } from 'vitest';
import { withGrain } from '../../backends/cpu/dispatch.js';
import { setThreads } from '../../backends/cpu/threads.js';
import { ones } from '../../create.js';
import type { BitGemmKernel } from '../../kernel-setting.js';
import { withKernels } from '../../op.js';
import { Rng } from '../../random.js';
import { tidy } from '../../scope.js';
import { emptyTensor, type Tensor } from '../../tensor.js';
import { neg } from '../elementwise/unary.js';
import { bitGemm, withBitGemm } from './bit-gemm.js';
import type { CountDType } from './bit-gemm.wasm.js';
import { bitMatmul } from './bit-matmul.js';
import { packBits } from './pack-bits.js';

const kernels: readonly BitGemmKernel[] = ['popcnt64', 'swizzle', 'cnt'];

afterAll(() => setThreads(1));

interface Product {
  readonly m: number;
  readonly n: number;
  readonly signs: number;
  readonly allDiffer: boolean;
  readonly seed: number;
}

/** Shapes at the edges of tiles, of parts whose sums fit into a byte, and of 16 bits. All signs may differ. */
const products: fc.Arbitrary<Product> = fc.record({
  m: fc.integer({ min: 1, max: 13 }),
  n: fc.oneof(fc.constantFrom(15, 16, 17, 32, 100), fc.integer({ min: 1, max: 70 })),
  signs: fc.oneof(
    fc.constantFrom(1, 31, 32, 33, 64, 65, 248, 249, 252, 253, 255, 256, 257, 504, 510, 1024, 2049, 32_767, 32_768),
    fc.integer({ min: 1, max: 600 }),
  ),
  allDiffer: fc.boolean(),
  seed: fc.nat(),
});

/** Computes a product by its definition and by a kernel, also in chunks of a single item. */
function compute(kernel: BitGemmKernel, dtype: CountDType, { m, n, signs, allDiffer, seed }: Product) {
  return tidy(() => {
    const rng = Rng.fromSeed(seed);
    const a = packBits(allDiffer ? ones([m, signs]) : rng.normal([m, signs]));
    const b = packBits(allDiffer ? neg(ones([n, signs])) : rng.normal([n, signs]));
    const dots = withKernels('reference', () => bitMatmul(a, b).values);
    const run = (): number[] => {
      const y: Tensor<CountDType> = emptyTensor(dtype, [m, n]);
      y.values.fill(77);
      withBitGemm(kernel, () => bitGemm({ m, n, signs, a, b, y }));
      return [...y.values];
    };
    return {
      expected: [...(dtype === 'u8' ? dots.map((dot) => (signs - dot) / 2) : dots)],
      actual: run(),
      inChunks: withGrain(1, run),
    };
  });
}

describe.each(kernels)('bitGemm by %s', (kernel) => {
  test.prop([products], { numRuns: 60 })('computes dot products of 16 and 32 bits', (product) => {
    for (const dtype of ['i32', ...(product.signs < 32_768 ? (['i16'] as const) : [])] as const) {
      const { expected, actual, inChunks } = compute(kernel, dtype, product);
      expect(actual).toEqual(expected);
      expect(inChunks).toEqual(expected);
    }
  });

  test.prop([products, fc.integer({ min: 1, max: 255 })], { numRuns: 60 })(
    'computes numbers of differing signs in bytes',
    (product, signs) => {
      const { expected, actual } = compute(kernel, 'u8', { ...product, signs: Math.min(product.signs, signs) });
      expect(actual).toEqual(expected);
    },
  );

  test.each([1, 2, 3])('computes the same on %d threads', async (threads) => {
    await setThreads(threads);
    for (let seed = 0; seed < 3; seed++) {
      const { expected, actual, inChunks } = compute(kernel, 'i16', {
        m: 203,
        n: 116,
        signs: 300,
        allDiffer: false,
        seed,
      });
      expect(actual).toEqual(expected);
      expect(inChunks).toEqual(expected);
    }
  });
});
