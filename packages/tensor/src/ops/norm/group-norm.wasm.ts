import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32,
  type F32x4,
  type F64,
  f32,
  f32x4,
  f64,
  fillRest,
  forEachFour,
  forRange,
  type I32,
  i32,
  store,
  storeFour,
  sumOfFour,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import { flushedLanes, flushLimit } from '../flush.wasm.js';
import { sumBlocks, withVectors } from '../rows.wasm.js';
import { type GroupNormAttributes, layoutOf } from './group-norm-layout.js';
import { gradientKernel, gradientSums, momentSums, normalizeKernel } from './norm.wasm.js';

/** `layerNorm` and `groupNorm`. */
export function groupNormByKernel(
  [x, gamma, beta]: readonly [Tensor, Tensor, Tensor],
  [y, means, variances]: readonly [Tensor, Tensor, Tensor],
  attributes: GroupNormAttributes,
): void {
  const [images, pixels, groups, perGroup] = layoutOf(x, gamma, attributes);
  const { epsilon } = attributes;
  if (pixels === 1) {
    const rows = images * groups;
    const args = { x, gamma, beta, y, means, variances, columns: perGroup, groups, epsilon };
    rowsKernel.run(args, rows, { grain: chunksOf(rows, 20 + perGroup * 0.4) });
    return;
  }
  // The channels of a group are not neighbors in memory. The passes are those of batch normalization, image by image.
  const channels = gamma.size;
  const count = pixels * perGroup;
  withVectors(channels, ['mean', 'factor'], ({ mean, factor }) => {
    for (let image = 0; image < images; image++) {
      const place = 4 * image * pixels * channels;
      const [from, to] = [x.address + place, y.address + place];
      // The first pixel is near the mean, and sums of small differences are accurate.
      const near = x.values.subarray(place / 4, place / 4 + channels);
      const [distances] = momentSums.run([from], [from], pixels, channels);
      eachGroup(groups, perGroup, (group, sumOver) => {
        const mu = sumOver((c) => pixels * near[c] + distances[c]) / count;
        means.values[image * groups + group] = mu;
        mean.values.fill(mu, group * perGroup, (group + 1) * perGroup);
      });
      const [offsets, squares] = momentSums.run([from], [mean], pixels, channels);
      eachGroup(groups, perGroup, (group, sumOver) => {
        const offset = sumOver((c) => offsets[c]) / count;
        const sigma2 = Math.max(0, sumOver((c) => squares[c]) / count - offset ** 2);
        variances.values[image * groups + group] = sigma2;
        for (let c = group * perGroup; c < (group + 1) * perGroup; c++) {
          factor.values[c] = gamma.values[c] / Math.sqrt(sigma2 + epsilon);
        }
      });
      normalizeKernel.run([from], [mean, factor, beta], to, pixels, channels);
    }
  });
}

/** Their gradient. */
export function groupNormGradientByKernel(
  [dy, x, gamma, means, variances]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor],
  [dx, dgamma, dbeta]: readonly [Tensor, Tensor, Tensor],
  attributes: GroupNormAttributes,
): void {
  const [images, pixels, groups, perGroup] = layoutOf(x, gamma, attributes);
  const { epsilon } = attributes;
  const channels = gamma.size;
  if (pixels === 1) {
    gradientByRows([dy, x, gamma, means, variances], [dx, dgamma, dbeta], images, groups, epsilon);
    return;
  }
  const [gammaSums, betaSums] = [new Float64Array(channels), new Float64Array(channels)];
  const count = pixels * perGroup;
  withVectors(channels, ['mean', 'factor', 'slope', 'offset'], ({ mean, factor, slope, offset }) => {
    for (let image = 0; image < images; image++) {
      const place = 4 * image * pixels * channels;
      for (let c = 0; c < channels; c++) mean.values[c] = means.values[image * groups + Math.floor(c / perGroup)];
      const operands = [dy.address + place, x.address + place];
      const [sum, sumCentered] = gradientSums.run(operands, [mean], pixels, channels);
      eachGroup(groups, perGroup, (group, sumOver) => {
        const s = 1 / Math.sqrt(variances.values[image * groups + group] + epsilon);
        const average = sumOver((c) => gamma.values[c] * sum[c]) / count;
        const averageCentered = sumOver((c) => gamma.values[c] * sumCentered[c]) / count;
        for (let c = group * perGroup; c < (group + 1) * perGroup; c++) {
          gammaSums[c] += sumCentered[c] * s;
          betaSums[c] += sum[c];
          factor.values[c] = s * gamma.values[c];
          slope.values[c] = -(s ** 3) * averageCentered;
          offset.values[c] = -s * average;
        }
      });
      gradientKernel.run(operands, [mean, factor, slope, offset], dx.address + place, pixels, channels);
    }
  });
  dgamma.values.set(gammaSums);
  dbeta.values.set(betaSums);
}

/** Calls `work` for each group, with a function that sums over its channels. */
function eachGroup(
  groups: number,
  perGroup: number,
  work: (group: number, sumOver: (term: (c: number) => number) => number) => void,
): void {
  for (let group = 0; group < groups; group++) {
    work(group, (term) => {
      let sum = 0;
      for (let c = group * perGroup; c < (group + 1) * perGroup; c++) sum += term(c);
      return sum;
    });
  }
}

const rowTypes = { x: i32, gamma: i32, means: i32, variances: i32, columns: i32, groups: i32, epsilon: f32 };

/**
 * The items are rows, whose gamma and beta are those of their group. A row stays in the first-level cache for its three
 * passes.
 */
const rowsKernel = new Kernel(
  'f32_layer_norm',
  { ...rowTypes, beta: i32, y: i32 },
  ({ x, gamma, beta, y, means, variances, columns, groups, epsilon }, from, to) => {
    const rowBytes = i32.variable(columns.mul(4), 'rowBytes');
    const count = f64.variable(wholeToF64(columns), 'count');
    const [source, target] = [x, y].map((at) => i32.variable(at.add(from.mul(rowBytes)), 'at'));
    forRange(from, to, 1, (row) => {
      // Differences from the first element are small where the mean is large, and 0 in a constant row.
      const near = f32x4.variable(f32x4.loadSplat(source), 'near');
      const [total] = rowSums(columns, 1, (offset) => [f32x4.load(source.add(offset)).sub(near)]);
      const mean = f32.variable(f32.load(source).toF64().add(total.div(count)).toF32(), 'mean');
      const means4 = f32x4.variable(f32x4.splat(mean), 'means');
      const [squares] = rowSums(columns, 1, (offset) => {
        const centered = f32x4.variable(f32x4.load(source.add(offset)).sub(means4), 'centered');
        return [centered.mul(centered)];
      });
      const variance = f32.variable(squares.div(count).toF32(), 'variance');
      store(means.add(row.mul(4)), mean);
      store(variances.add(row.mul(4)), variance);
      const factor = f32x4.variable(f32x4.splat(inverseDeviation(variance, epsilon)), 'factor');
      const vectorAt = i32.variable(row.remU(groups).mul(rowBytes), 'vectorAt');
      const [gammaAt, betaAt] = [gamma, beta].map((at) => i32.variable(at.add(vectorAt), 'vector'));
      forEachFour(columns, (offset, rest) => {
        const normalized = f32x4.load(source.add(offset)).sub(means4).mul(factor);
        const result = f32x4.load(betaAt.add(offset)).addMul(normalized, f32x4.load(gammaAt.add(offset)));
        storeFour(target.add(offset), f32x4.variable(result, 'result'), rest);
      });
      for (const at of [source, target]) at.set(at.add(rowBytes));
    });
  },
);

/** Images per partial sum of dγ and dβ, so that the order of the sums does not depend on threads. */
const blockImages = 64;

function gradientByRows(
  [dy, x, gamma, means, variances]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor],
  [dx, dgamma, dbeta]: readonly [Tensor, Tensor, Tensor],
  images: number,
  groups: number,
  epsilon: number,
): void {
  const channels = gamma.size;
  const padded = (channels + 3) & -4;
  const blocks = Math.ceil(images / blockImages);
  withTemporary(4 * 2 * padded * blocks, (sums) => {
    const args = { dy, x, gamma, means, variances, dx, sums, images, groups, columns: channels / groups, epsilon };
    rowsGradientKernel.run(args, blocks, { grain: chunksOf(blocks, blockImages * channels) });
    const total = sumBlocks('f32', sums, blocks, 2 * padded);
    dgamma.values.set(total.subarray(0, channels));
    dbeta.values.set(total.subarray(padded, padded + channels));
  });
}

/** The items are blocks of images. dx, and the sums [blocks, 2, channels padded to fours] of dγ and dβ. */
const rowsGradientKernel = new Kernel(
  'f32_layer_norm_gradient',
  { ...rowTypes, dy: i32, dx: i32, sums: i32, images: i32 },
  ({ dy, x, gamma, means, variances, dx, sums, images, groups, columns, epsilon }, from, to) => {
    const rowBytes = i32.variable(columns.mul(4), 'rowBytes');
    const count = f64.variable(wholeToF64(columns), 'count');
    const limit = flushLimit();
    const sumBytes = i32.variable(columns.mul(groups).add(3).and(-4).mul(4), 'sumBytes');
    forRange(from, to, 1, (block) => {
      const blockSums = i32.variable(sums.add(block.mul(sumBytes).mul(2)), 'blockSums');
      forRange(0, sumBytes.mul(2), 16, (offset) => store(blockSums.add(offset), f32x4.const(0)));
      const first = i32.variable(block.mul(blockImages), 'first');
      const end = i32.variable(first.add(blockImages).minU(images).mul(groups), 'end');
      const group = i32.variable(0, 'group');
      forRange(first.mul(groups), end, 1, (row) => {
        const start = i32.variable(row.mul(rowBytes), 'start');
        const [dyAt, xAt, dxAt] = [dy, x, dx].map((at) => i32.variable(at.add(start), 'at'));
        const place = i32.variable(group.mul(rowBytes), 'place');
        const gammaAt = i32.variable(gamma.add(place), 'gammaAt');
        const gammaSums = i32.variable(blockSums.add(place), 'gammaSums');
        const betaSums = i32.variable(gammaSums.add(sumBytes), 'betaSums');
        const mean = f32x4.variable(f32x4.loadSplat(means.add(row.mul(4))), 'mean');
        const inverse = f32.variable(inverseDeviation(f32.load(variances.add(row.mul(4))), epsilon), 'inverse');
        const [sum, sumCentered] = rowSums(columns, 2, (offset) => {
          const scaled = f32x4.variable(f32x4.load(dyAt.add(offset)).mul(f32x4.load(gammaAt.add(offset))), 'scaled');
          return [scaled, scaled.mul(f32x4.load(xAt.add(offset)).sub(mean))];
        });
        // dx = factor·γ·dy − slope·(x − μ) − shift
        const s = f64.variable(inverse.toF64(), 's');
        const factor = f32x4.variable(f32x4.splat(inverse), 'factor');
        const shift = f32x4.variable(f32x4.splat(sum.mul(s).div(count).toF32()), 'shift');
        const slope = f32x4.variable(f32x4.splat(sumCentered.mul(s).mul(s).mul(s).div(count).toF32()), 'slope');
        forEachFour(columns, (offset, rest) => {
          const dy4 = f32x4.variable(f32x4.load(dyAt.add(offset)), 'dy4');
          const centered = f32x4.variable(f32x4.load(xAt.add(offset)).sub(mean), 'centered');
          const scaled = dy4.mul(f32x4.load(gammaAt.add(offset)));
          const result = scaled.mul(factor).sub(shift).subMul(centered, slope);
          storeFour(dxAt.add(offset), f32x4.variable(flushedLanes(result, limit), 'result'), rest);
          // The sums of groups are next to each other, so a vector must not reach into the next group.
          const add = (target: I32, term: F32x4): void => {
            const at = i32.variable(target.add(offset), 'sumAt');
            storeFour(at, f32x4.variable(f32x4.load(at).add(term), 'sum'), rest);
          };
          add(gammaSums, dy4.mul(centered.mul(factor)));
          add(betaSums, dy4);
        });
        group.set(group.add(1));
        when(group.geS(groups), () => group.set(i32.const(0)));
      });
    });
  },
);

/** 1 / √(variance + ε). */
function inverseDeviation(variance: F32, epsilon: F32): F32 {
  return f64.const(1).div(variance.toF64().add(epsilon.toF64()).sqrt()).toF32();
}

/** A number of columns in double precision, also if single precision could not represent it. */
function wholeToF64(count: I32): F64 {
  return count.shrU(12).toF32S().toF64().mul(f64.const(4096)).add(count.and(4095).toF32S().toF64());
}

/** Vectors per iteration of a sum, each with an accumulator of its own, so that additions need not wait for another. */
const lanesOfSums = 4;
/** Bytes of a row whose sum is in single precision. The sums of such parts are added in double precision. */
const partBytes = 4096;

/** Sums terms over a row of `columns` numbers. `terms` gets the position of four numbers in bytes. */
function rowSums(columns: I32, kinds: number, terms: (offset: I32) => readonly F32x4[]): Variable<F64>[] {
  const totals = Array.from({ length: kinds }, () => f64.variable(0, 'total'));
  const sums = totals.map(() => Array.from({ length: lanesOfSums }, () => f32x4.variable(0, 'sum')));
  for (const total of totals) total.set(f64.const(0));
  const addTo = (total: Variable<F64>, four: F32x4): void => total.set(total.add(sumOfFour(four).toF64()));
  const whole = i32.variable(columns.and(-4).mul(4), 'whole');
  forRange(0, whole, partBytes, (start) => {
    for (const lanes of sums) for (const sum of lanes) sum.set(f32x4.const(0));
    const end = i32.variable(start.add(partBytes).minU(whole), 'end');
    const unrolled = i32.variable(
      end
        .sub(start)
        .and(-16 * lanesOfSums)
        .add(start),
      'unrolled',
    );
    const add = (offset: I32, lane: number): void =>
      terms(offset).forEach((term, kind) => {
        sums[kind][lane].set(sums[kind][lane].add(term));
      });
    forRange(start, unrolled, 16 * lanesOfSums, (offset) => {
      for (let lane = 0; lane < lanesOfSums; lane++) add(i32.variable(offset.add(16 * lane), 'place'), lane);
    });
    forRange(unrolled, end, 16, (offset) => add(offset, 0));
    totals.forEach((total, kind) => {
      const [a, b, c, d] = sums[kind];
      addTo(total, f32x4.variable(a.add(b).add(c.add(d)), 'sumOfLanes'));
    });
  });
  const rest = i32.variable(columns.and(3), 'rest');
  when(rest, () =>
    terms(whole).forEach((term, kind) => {
      addTo(totals[kind], f32x4.variable(fillRest(term, rest), 'last'));
    }),
  );
  return totals;
}
