import { dispose, type Tensor, tidy } from '@mobinet/tensor';
import { measure } from 'mitata';

/** One computation on signs, done three ways. Weights are packed beforehand in all of them: they change rarely. */
export interface Comparison {
  readonly op: string;
  readonly shape: string;
  /** Multiply-adds of one call; in the packed forms a multiply-add is one xor and one count. */
  readonly multiplyAdds: number;
  /** On numbers ±1. */
  float(): Tensor;
  /** On packed signs, packing not included. */
  packed(): Tensor<'i32'>;
  /** On packed signs, with the time to pack x from floats. */
  packedWithPacking(): Tensor<'i32'>;
}

/** Milliseconds are medians of what mitata sampled. */
export interface Result {
  readonly op: string;
  readonly shape: string;
  readonly floatMs: number;
  readonly packedMs: number;
  readonly packedWithPackingMs: number;
  /** floatMs / packedMs, and the same with packing. */
  readonly speedup: number;
  readonly speedupWithPacking: number;
  /** Billions of multiply-adds a second, packing not included. */
  readonly packedGmacPerSecond: number;
  readonly floatGmacPerSecond: number;
}

/** Times the three forms, once it is sure that they compute the same. */
export async function compare(comparison: Comparison): Promise<Result> {
  const { op, shape, multiplyAdds } = comparison;
  checkAgreement(comparison);
  const floatMs = await medianMs(() => comparison.float());
  const packedMs = await medianMs(() => comparison.packed());
  const packedWithPackingMs = await medianMs(() => comparison.packedWithPacking());
  return {
    op,
    shape,
    floatMs,
    packedMs,
    packedWithPackingMs,
    speedup: floatMs / packedMs,
    speedupWithPacking: floatMs / packedWithPackingMs,
    packedGmacPerSecond: multiplyAdds / packedMs / 1e6,
    floatGmacPerSecond: multiplyAdds / floatMs / 1e6,
  };
}

function checkAgreement({ op, shape, float, packed, packedWithPacking }: Comparison): void {
  tidy(() => {
    const expected = float().values;
    for (const { values } of [packed(), packedWithPacking()]) {
      if (values.length !== expected.length || expected.some((value, at) => value !== values[at])) {
        throw new Error(`${op} ${shape}: packed and float results differ`);
      }
    }
  });
}

async function medianMs(run: () => Tensor | Tensor<'i32'>): Promise<number> {
  // Memory of results and temporaries is recycled from call to call, as in training.
  const { p50 } = await measure(() => dispose(tidy(run)), { min_samples: 10, min_cpu_time: 400e6 });
  return p50 / 1e6;
}
