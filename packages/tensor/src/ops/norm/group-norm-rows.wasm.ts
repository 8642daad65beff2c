import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import type { Tensor } from '../../tensor.js';
import { type F32x4, f32, f32x4, f64, forRange, type I32, i32, store, when } from '../../wasm/assembler.js';
import { flushedLanes, flushLimit } from '../flush.wasm.js';
import { sumBlocks } from '../rows.wasm.js';
import { farSquared, forEachVector, inverseDeviation, rowSums, storeVector, wholeToF64 } from './row-vectors.wasm.js';

// Groups that are neighbors in memory: rows of a matrix [images · groups, columns].

/** Normalizes rows, whose gamma and beta are those of their group. */
export function normalizeRows(
  [x, gamma, beta]: readonly [Tensor, Tensor, Tensor],
  [y, means, variances]: readonly [Tensor, Tensor, Tensor],
  groups: number,
  epsilon: number,
): void {
  const [rows, columns] = [means.size, gamma.size / groups];
  const args = { x, gamma, beta, y, means, variances, columns, groups, epsilon };
  rowsKernel.run(args, rows, { grain: chunksOf(rows, 20 + columns * 0.3) });
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
      store(means.add(row.mul(4)), mean);
      store(variances.add(row.mul(4)), variance);
      const inverse = f32.variable(inverseDeviation(variance, epsilon), 'inverse');
      // x − μ = (x − center) − distance. A mean in single precision would not be exact.
      const [centers, factor] = [center, inverse].map((value) => f32x4.variable(f32x4.splat(value), 'splat'));
      const shift = f32x4.variable(f32x4.splat(distance.mul(inverse.toF64()).toF32()), 'shift');
      const vectorAt = i32.variable(row.remU(groups).mul(rowBytes), 'vectorAt');
      const [gammaAt, betaAt] = [gamma, beta].map((at) => i32.variable(at.add(vectorAt), 'vector'));
      forEachVector(columns, (offset, more, rest) => {
        const normalized = f32x4.load(source.add(offset), more).sub(centers).mul(factor).sub(shift);
        const result = f32x4.load(betaAt.add(offset), more).addMul(normalized, f32x4.load(gammaAt.add(offset), more));
        storeVector(target.add(offset), f32x4.variable(result, 'result'), more, rest);
      });
      for (const at of [source, target]) at.set(at.add(rowBytes));
    });
  },
);

/** Images per partial sum of dγ and dβ, so that the order of the sums does not depend on threads. */
const blockImages = 64;

/** The gradient of `normalizeRows`. */
export function gradientOfRows(
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
        const factor = f32x4.variable(f32x4.splat(inverse), 'factor');
        // The first pass waits for memory, so the sums of columns cost little here.
        rowSums(columns, [sum, sumCentered], (offset, more, rest) => {
          const dy4 = f32x4.variable(f32x4.load(dyAt.add(offset), more), 'dy4');
          const centered = f32x4.variable(f32x4.load(xAt.add(offset), more).sub(mean), 'centered');
          const scaled = f32x4.variable(dy4.mul(f32x4.load(gammaAt.add(offset), more)), 'scaled');
          // The sums of groups are next to each other, so a vector must not reach into the next group.
          const add = (target: I32, term: F32x4): void => {
            const at = i32.variable(target.add(offset), 'sumAt');
            storeVector(at, f32x4.variable(f32x4.load(at, more).add(term), 'columnSum'), more, rest);
          };
          add(gammaSums, dy4.mul(centered.mul(factor)));
          add(betaSums, dy4);
          return [scaled, scaled.mul(centered)];
        });
        // dx = factor·γ·dy − slope·(x − μ) − shift
        const s = f64.variable(inverse.toF64(), 's');
        const shift = f32x4.variable(f32x4.splat(sum.mul(s).div(count).toF32()), 'shift');
        const slope = f32x4.variable(f32x4.splat(sumCentered.mul(s).mul(s).mul(s).div(count).toF32()), 'slope');
        forEachVector(columns, (offset, more, rest) => {
          const dy4 = f32x4.variable(f32x4.load(dyAt.add(offset), more), 'dy4');
          const centered = f32x4.variable(f32x4.load(xAt.add(offset), more).sub(mean), 'centered');
          const scaled = dy4.mul(f32x4.load(gammaAt.add(offset), more));
          const result = scaled.mul(factor).sub(shift).subMul(centered, slope);
          storeVector(dxAt.add(offset), f32x4.variable(flushedLanes(result, limit), 'result'), more, rest);
        });
        group.set(group.add(1));
        when(group.geS(groups), () => group.set(i32.const(0)));
      });
    });
  },
);
