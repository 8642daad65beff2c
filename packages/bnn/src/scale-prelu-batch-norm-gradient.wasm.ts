import type { Tensor } from '@mobinet/tensor/functions';
import {
  chunksOf,
  type F32x4,
  f32,
  f32x4,
  flushedLanes,
  forRange,
  type I32,
  i32,
  Kernel,
  type KernelParameters,
  memoize,
  store,
  sumBlocks,
  type Variable,
  withTemporary,
} from '@mobinet/tensor/kernels';
import { type CountDType, splitCounts } from './counts.wasm.js';
import { blockRows, rowsByName } from './scale-prelu-batch-norm.wasm.js';
import type { GradientInputs, ScalePreluBatchNormAttributes } from './scale-prelu-batch-norm-attributes.js';

/** The rows of coefficients of p − μ: α and α·slope, the factors of counts above and below 0, and −μ. */
const centeringRows = ['positive', 'negative', 'minusMean'] as const;

/** The rows of coefficients of dp: the factors of dy and of counts above and below 0, a constant, and 1 − slope. */
const gradientRows = ['dyFactor', 'positive', 'negative', 'constant', 'oneMinusSlope'] as const;

export function scalePreluBatchNormGradientByKernels(
  [dy, counts, alpha, slope, gamma, mean, variance]: GradientInputs,
  [dz, dslope, dgamma, dbeta]: readonly [Tensor, Tensor, Tensor, Tensor],
  { signs, epsilon }: ScalePreluBatchNormAttributes,
): void {
  const channels = alpha.size;
  const rows = counts.size / channels;
  const blocks = Math.ceil(rows / blockRows);
  const grain = chunksOf(blocks, (blockRows * channels) / 5);
  withTemporary(4 * channels * (gradientRows.length + 2 * blocks), (memory) => {
    const sums = memory + 4 * gradientRows.length * channels;
    const args = { dy, counts, signs, coefficients: memory, sums, rows, channels };
    const [alphas, slopes, gammas] = [alpha, slope, gamma].map(({ values }) => values);
    const [means, variances] = [mean.values, variance.values];
    const gradients = { slope: dslope.values, gamma: dgamma.values, beta: dbeta.values };

    const centering = rowsByName(centeringRows, memory, channels);
    for (let c = 0; c < channels; c++) {
      centering.positive[c] = alphas[c];
      centering.negative[c] = alphas[c] * slopes[c];
      centering.minusMean[c] = -means[c];
    }
    const together = rowsTogether(channels);
    sumsKernel(counts.dtype, together).run(args, blocks, { grain });

    // dp = dyFactor·dy + through·p + constant, where p = α·max(c, 0) + α·slope·min(c, 0). The coefficients overwrite
    // those of p − μ.
    const total = sumBlocks('f32', sums, blocks, 2 * channels);
    const { dyFactor, positive, negative, constant, oneMinusSlope } = rowsByName(gradientRows, memory, channels);
    let mayBeTiny = false;
    for (let c = 0; c < channels; c++) {
      const s = 1 / Math.sqrt(variances[c] + epsilon);
      const sum = total[c];
      const centered = total[channels + c];
      const through = (-gammas[c] * s * s * s * centered) / rows;
      gradients.beta[c] = sum;
      gradients.gamma[c] = centered * s;
      dyFactor[c] = gammas[c] * s;
      const size = Math.abs(sum) + Math.abs(centered);
      if (size > 0 && size * Math.min(1, Math.abs(dyFactor[c])) < tinySum) mayBeTiny = true;
      positive[c] = through * alphas[c];
      negative[c] = through * alphas[c] * slopes[c];
      constant[c] = (-gammas[c] * s * sum) / rows - through * means[c];
      oneMinusSlope[c] = 1 - slopes[c];
    }
    gradientKernel(counts.dtype, together, mayBeTiny).run({ ...args, dz }, blocks, { grain });
    const throughSlope = sumBlocks('f32', sums, blocks, channels);
    for (let c = 0; c < channels; c++) gradients.slope[c] = throughSlope[c] * alphas[c];
  });
}

/**
 * If the sums of a channel are below this, possibly only after multiplication by γ/√(σ² + ε), its gradients may be so
 * small that they must be flushed to 0. Otherwise only a rare cancellation produces such a gradient, and a single
 * denormal number does no harm, so the kernel without the comparison is enough.
 */
const tinySum = 1e-20;

const parameters = { dy: i32, counts: i32, signs: f32, coefficients: i32, sums: i32, rows: i32, channels: i32 };

/** Four channels of a row. */
interface Cell {
  /** max(c, 0) and min(c, 0) of the counts. */
  readonly above: F32x4;
  readonly below: F32x4;
  readonly dy: F32x4;
  /** The byte offset of the elements from the start of dy. */
  readonly at: I32;
}

/** A pass of `forEachCell`: the coefficients that it loads, the sums that it keeps, and what it does with each cell. */
interface Pass<Coefficient extends string, Sum extends string> {
  readonly dtype: CountDType;
  /** Rows that share one load of the coefficients and sums of four channels. */
  readonly rowsTogether: number;
  readonly coefficients: readonly Coefficient[];
  /** The sums of each block are stored as [block][sum][channel]. */
  readonly sums: readonly Sum[];
  visit(cell: Cell, coefficients: Record<Coefficient, F32x4>, sums: Record<Sum, Variable<F32x4>>): void;
}

/**
 * Short rows are visited four at a time, which saves loads. With long ones this would take longer: processors fetch
 * memory ahead in its order.
 */
const rowsTogether = (channels: number): 1 | 4 => (channels >= 128 ? 1 : 4);

/** The body of a kernel over blocks of rows, which walks memory row by row and visits four channels at a time. */
function forEachCell<Coefficient extends string, Sum extends string>(
  { dtype, rowsTogether, coefficients: coefficientNames, sums: sumNames, visit }: Pass<Coefficient, Sum>,
  p: KernelParameters<typeof parameters>,
  from: I32,
  to: I32,
): void {
  const rowBytes = i32.variable(p.channels.mul(4), 'rowBytes');
  const signs = f32x4.variable(f32x4.splat(p.signs), 'signs');
  const visitRows = (at: Variable<I32>, blockSums: I32, count: number): void => {
    const coefficientAt = i32.variable(p.coefficients, 'coefficientAt');
    const sumAt = i32.variable(blockSums, 'sumAt');
    forRange(0, rowBytes, 16, () => {
      const next = i32.variable(coefficientAt, 'next');
      const coefficients = byName(coefficientNames, (name, index) => {
        if (index > 0) next.set(next.add(rowBytes));
        return f32x4.variable(f32x4.load(next), name);
      });
      const addresses = byName(sumNames, (name, index) => i32.variable(sumAt.add(rowBytes.mul(index)), `${name}At`));
      const sums = byName(sumNames, (name) => f32x4.variable(f32x4.load(addresses[name]), name));
      const rowAt = i32.variable(at, 'rowAt');
      for (let row = 0; row < count; row++) {
        const { above, below } = splitCounts(dtype, signs, p.counts.add(rowAt.shrU(dtype === 'i16' ? 1 : 2)));
        const dy = f32x4.variable(f32x4.load(p.dy.add(rowAt)), 'dy');
        visit({ above, below, dy, at: rowAt }, coefficients, sums);
        if (row + 1 < count) rowAt.set(rowAt.add(rowBytes));
      }
      for (const name of sumNames) store(addresses[name], sums[name]);
      for (const address of [at, coefficientAt, sumAt]) address.set(address.add(16));
    });
    at.set(at.add(rowBytes.mul(count - 1)));
  };
  forRange(from, to, 1, (block) => {
    const first = i32.variable(block.mul(blockRows), 'firstRow');
    const count = i32.variable(p.rows.sub(first).minU(i32.const(blockRows)), 'count');
    const sumBytes = i32.variable(rowBytes.mul(sumNames.length), 'sumBytes');
    const blockSums = i32.variable(p.sums.add(block.mul(sumBytes)), 'blockSums');
    forRange(0, sumBytes, 16, (offset) => store(blockSums.add(offset), f32x4.const(0)));
    const at = i32.variable(first.mul(rowBytes), 'at');
    forRange(0, count.sub(rowsTogether - 1), rowsTogether, () => visitRows(at, blockSums, rowsTogether));
    if (rowsTogether > 1) forRange(0, count.and(rowsTogether - 1), 1, () => visitRows(at, blockSums, 1));
  });
}

function byName<Name extends string, T>(
  names: readonly Name[],
  make: (name: Name, index: number) => T,
): Record<Name, T> {
  return Object.fromEntries(names.map((name, index) => [name, make(name, index)])) as Record<Name, T>;
}

/** For each block of rows: Σ dy and Σ dy·(p − μ). */
const sumsKernel = memoize(
  (dtype: CountDType, rowsTogether: number) =>
    new Kernel(`scale_prelu_batch_norm_gradient_sums_${dtype}_${rowsTogether}__madd`, parameters, (p, from, to) => {
      const pass: Pass<(typeof centeringRows)[number], 'sum' | 'centered'> = {
        dtype,
        rowsTogether,
        coefficients: centeringRows,
        sums: ['sum', 'centered'],
        visit({ above, below, dy }, { positive, negative, minusMean }, { sum, centered }) {
          const distance = minusMean.addMul(above, positive).addMul(below, negative);
          sum.set(sum.add(dy));
          centered.set(centered.addMul(dy, distance));
        },
      };
      forEachCell(pass, p, from, to);
    }),
);

/** dz, and for each block of rows Σ dp·c over the counts below 0. */
const gradientKernel = memoize(
  (dtype: CountDType, rowsTogether: number, flushes: boolean) =>
    new Kernel(
      `scale_prelu_batch_norm_gradient_${dtype}_${rowsTogether}${flushes ? '_flush' : ''}__madd`,
      { ...parameters, dz: i32 },
      (p, from, to) => {
        const pass: Pass<(typeof gradientRows)[number], 'throughSlope'> = {
          dtype,
          rowsTogether,
          coefficients: gradientRows,
          sums: ['throughSlope'],
          visit(cell, { dyFactor, positive, negative, constant, oneMinusSlope }, { throughSlope }) {
            const [above, below] = [f32x4.variable(cell.above, 'above'), f32x4.variable(cell.below, 'below')];
            const fromCounts = constant.addMul(below, negative).addMul(above, positive);
            const dp = f32x4.variable(fromCounts.addMul(cell.dy, dyFactor), 'dp');
            throughSlope.set(throughSlope.addMul(dp, below));
            // Where the count is not above 0, dz = slope·dp, which is dp − (1 − slope)·dp.
            const reduction = oneMinusSlope.and(above.eq(f32x4.const(0)));
            const dz = f32x4.variable(dp.subMul(dp, reduction), 'dz');
            store(p.dz.add(cell.at), flushes ? flushedLanes(dz) : dz);
          },
        };
        forEachCell(pass, p, from, to);
      },
    ),
);
