import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { floatsAt } from '../../backends/cpu/memory.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32,
  type F32x4,
  type F64,
  f32,
  f32x4,
  f64,
  fillRest,
  forRange,
  type I32,
  i32,
  type Rest,
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
  withVectors(channels, ['mean', 'factor'], ({ mean, factor }) => {
    for (let image = 0; image < images; image++) {
      const place = 4 * image * pixels * channels;
      const [from, to] = [x.address + place, y.address + place];
      const near = x.values.subarray(place / 4, place / 4 + channels);
      const moments = momentsOfChannels(from, near, pixels);
      eachGroup(groups, perGroup, (group, sumOver) => {
        const mu = sumOver((c) => moments.means[c]) / perGroup;
        const between = sumOver((c) => (moments.means[c] - mu) ** 2) / perGroup;
        const sigma2 = sumOver((c) => moments.variances[c]) / perGroup + between;
        means.values[image * groups + group] = mu;
        mean.values.fill(mu, group * perGroup, (group + 1) * perGroup);
        variances.values[image * groups + group] = sigma2;
        for (let c = group * perGroup; c < (group + 1) * perGroup; c++) {
          factor.values[c] = gamma.values[c] / Math.sqrt(sigma2 + epsilon);
        }
      });
      normalizeKernel.run([from], [mean, factor, beta], to, pixels, channels);
    }
  });
}

/**
 * The means and variances of the channels of an image, in one pass: from sums of distances to a number near the mean, and
 * of their squares (Chan, Golub & LeVeque 1983). If the first pixel turns out to be an outlier, the variance would be a
 * small difference of large numbers, and the means serve in a second pass.
 *
 * @param near [channels] The first pixel.
 */
function momentsOfChannels(image: number, near: ArrayLike<number>, pixels: number) {
  const channels = near.length;
  return withTemporary(4 * channels, (address) => {
    const center = floatsAt(address, channels);
    center.set(near);
    for (let isLast = false; ; isLast = true) {
      const [sum, sumOfSquares] = momentSums.run([image], [{ address }], pixels, channels);
      const means = sum.map((total, c) => center[c] + total / pixels);
      const variances = sumOfSquares.map((total, c) => Math.max(0, total / pixels - (sum[c] / pixels) ** 2));
      if (isLast || variances.every((sigma2, c) => !isFar(sum[c] / pixels, sigma2))) return { means, variances };
      center.set(means);
    }
  });
}

/** Whether the distance of a number from the mean is too large for a variance from distances to that number. */
const isFar = (distance: number, variance: number): boolean => distance ** 2 > farSquared * variance;

/** The distance in standard deviations, squared, at which a digit of the variance is lost. */
const farSquared = 16;

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
      // Distances from the first element are small where the mean is large, and 0 in a constant row.
      const center = f32.variable(f32.load(source), 'center');
      const [mean, variance] = [f32.variable(0, 'mean'), f32.variable(0, 'variance')];
      const distance = f64.variable(0, 'distance');
      const [sum, sumOfSquares] = [f64.variable(0, 'sum'), f64.variable(0, 'sumOfSquares')];
      const measure = (): void => {
        const centers = f32x4.variable(f32x4.splat(center), 'centers');
        rowSums(columns, [sum, sumOfSquares], (offset, more) => {
          const distance = f32x4.variable(f32x4.load(source.add(offset), more).sub(centers), 'distance');
          return [distance, distance.mul(distance)];
        });
        distance.set(sum.div(count));
        mean.set(center.toF64().add(distance).toF32());
        sumOfSquares.set(sumOfSquares.div(count).sub(distance.mul(distance)));
      };
      measure();
      // If the first element is an outlier, the mean serves in a second pass: see `momentsOfChannels`.
      when(distance.mul(distance).gt(sumOfSquares.mul(f64.const(farSquared))), () => {
        center.set(mean);
        measure();
      });
      variance.set(sumOfSquares.max(f64.const(0)).toF32());
      const means4 = f32x4.variable(f32x4.splat(mean), 'means');
      store(means.add(row.mul(4)), mean);
      store(variances.add(row.mul(4)), variance);
      const factor = f32x4.variable(f32x4.splat(inverseDeviation(variance, epsilon)), 'factor');
      const vectorAt = i32.variable(row.remU(groups).mul(rowBytes), 'vectorAt');
      const [gammaAt, betaAt] = [gamma, beta].map((at) => i32.variable(at.add(vectorAt), 'vector'));
      forEachVector(columns, (offset, more, rest) => {
        const normalized = f32x4.load(source.add(offset), more).sub(means4).mul(factor);
        const result = f32x4.load(betaAt.add(offset), more).addMul(normalized, f32x4.load(gammaAt.add(offset), more));
        storeVector(target.add(offset), f32x4.variable(result, 'result'), more, rest);
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
        const [sum, sumCentered] = [f64.variable(0, 'sum'), f64.variable(0, 'sumCentered')];
        rowSums(columns, [sum, sumCentered], (offset, more) => {
          const dy4 = f32x4.load(dyAt.add(offset), more);
          const scaled = f32x4.variable(dy4.mul(f32x4.load(gammaAt.add(offset), more)), 'scaled');
          return [scaled, scaled.mul(f32x4.load(xAt.add(offset), more).sub(mean))];
        });
        // dx = factor·γ·dy − slope·(x − μ) − shift
        const s = f64.variable(inverse.toF64(), 's');
        const factor = f32x4.variable(f32x4.splat(inverse), 'factor');
        const shift = f32x4.variable(f32x4.splat(sum.mul(s).div(count).toF32()), 'shift');
        const slope = f32x4.variable(f32x4.splat(sumCentered.mul(s).mul(s).mul(s).div(count).toF32()), 'slope');
        forEachVector(columns, (offset, more, rest) => {
          const dy4 = f32x4.variable(f32x4.load(dyAt.add(offset), more), 'dy4');
          const centered = f32x4.variable(f32x4.load(xAt.add(offset), more).sub(mean), 'centered');
          const scaled = dy4.mul(f32x4.load(gammaAt.add(offset), more));
          const result = scaled.mul(factor).sub(shift).subMul(centered, slope);
          storeVector(dxAt.add(offset), f32x4.variable(flushedLanes(result, limit), 'result'), more, rest);
          // The sums of groups are next to each other, so a vector must not reach into the next group.
          const add = (target: I32, term: F32x4): void => {
            const at = i32.variable(target.add(offset), 'sumAt');
            storeVector(at, f32x4.variable(f32x4.load(at, more).add(term), 'sum'), more, rest);
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

/** Vectors per iteration, each with a sum of its own, so that additions need not wait for one another. */
const unrolled = 4;
/** Bytes of a row whose sum is in single precision. The sums of such parts are added in double precision. */
const partBytes = 4096;

/** Code for four numbers of a row, at the position `offset + more` in bytes, where `more` is known beforehand. */
type VectorBody = (offset: I32, more: number, rest: Rest) => void;

/** Emits `body` for all numbers of a row. */
function forEachVector(columns: I32, body: VectorBody): void {
  const whole = i32.variable(columns.and(-4).mul(4), 'whole');
  forWholeVectors(i32.const(0), whole, body);
  const rest = i32.variable(columns.and(3), 'rest');
  when(rest, () => body(whole, 0, rest));
}

/** Emits `body` for the vectors from one position to another. */
function forWholeVectors(from: I32, to: I32, body: VectorBody): void {
  const several = 16 * unrolled;
  const end = i32.variable(to.sub(from).and(-several).add(from), 'end');
  forRange(from, end, several, (offset) => {
    for (let vector = 0; vector < unrolled; vector++) body(offset, 16 * vector, null);
  });
  forRange(end, to, 16, (offset) => body(offset, 0, null));
}

/** Stores four numbers of a row, or only those that exist. */
function storeVector(address: I32, value: F32x4, more: number, rest: Rest): void {
  if (rest === null) store(address, value, more);
  else storeFour(address, value, rest);
}

/** Sets `totals` to the sums of terms over a row. `terms` gets the position of four numbers, `offset + more` in bytes. */
function rowSums(
  columns: I32,
  totals: readonly Variable<F64>[],
  terms: (offset: I32, more: number) => readonly F32x4[],
): void {
  const sums = totals.map(() => Array.from({ length: unrolled }, () => f32x4.variable(0, 'sum')));
  for (const total of totals) total.set(f64.const(0));
  const addTo = (total: Variable<F64>, four: F32x4): void => total.set(total.add(sumOfFour(four).toF64()));
  const whole = i32.variable(columns.and(-4).mul(4), 'whole');
  forRange(0, whole, partBytes, (start) => {
    for (const own of sums) for (const sum of own) sum.set(f32x4.const(0));
    forWholeVectors(start, i32.variable(start.add(partBytes).minU(whole), 'partEnd'), (offset, more) => {
      terms(offset, more).forEach((term, kind) => {
        const sum = sums[kind][more / 16];
        sum.set(sum.add(term));
      });
    });
    totals.forEach((total, kind) => {
      const [a, b, c, d] = sums[kind];
      addTo(total, f32x4.variable(a.add(b).add(c.add(d)), 'sumOfParts'));
    });
  });
  const rest = i32.variable(columns.and(3), 'rest');
  when(rest, () =>
    terms(whole, 0).forEach((term, kind) => {
      addTo(totals[kind], f32x4.variable(fillRest(term, rest), 'last'));
    }),
  );
}
