import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32x4,
  f32,
  f32x4,
  f64,
  forRange,
  type I32,
  i32,
  store,
  type Variable,
  when,
  whileTrue,
} from '../../wasm/assembler.js';
import { flushedLanes, flushLimit } from '../flush.wasm.js';
import { readAhead } from '../read-ahead.wasm.js';
import { sumBlocks } from '../rows.wasm.js';
import type { GroupNormAttributes } from './group-norm-layout.js';
import { farSquared, forEachVector, inverseDeviation, storeVector, wholeToF64 } from './row-vectors.wasm.js';

// Groups whose elements are apart in memory: channels of images [images, pixels, channels]. The items are images. Sums
// over the pixels of each channel come first, and are then added up for each group. Vectors of numbers per channel, all
// of `padded` bytes, are in the scratch memory of the thread.

const types = { x: i32, gamma: i32, means: i32, variances: i32, pixels: i32, groups: i32, perGroup: i32, epsilon: f32 };

/** `groupNorm` of images with several pixels. */
export function normalizeImages(
  [x, gamma, beta]: readonly [Tensor, Tensor, Tensor],
  [y, means, variances]: readonly [Tensor, Tensor, Tensor],
  { pixels, groups, epsilon }: GroupNormAttributes,
): void {
  const [images, channels] = [means.size / groups, gamma.size];
  const args = { x, gamma, beta, y, means, variances, pixels, groups, perGroup: channels / groups, epsilon };
  const grain = chunksOf(images, pixels * channels * 0.4);
  normalizeKernel.run(args, images, { grain, scratch: 4 * paddedBytes(channels) });
}

/** The size of a vector of numbers per channel: whole cache lines. */
const paddedBytes = (channels: number): number => 64 * Math.ceil(channels / 16);

const normalizeKernel = new Kernel(
  'f32_group_norm',
  { ...types, beta: i32, y: i32 },
  ({ x, gamma, beta, y, means, variances, pixels, groups, perGroup, epsilon }, from, to, scratch) => {
    const { channels, rowBytes, padded, count } = sizesOf(pixels, groups, perGroup);
    const [centers, sums] = [scratch, i32.variable(scratch.add(padded), 'sums')];
    const squares = i32.variable(sums.add(padded), 'squares');
    const [factors, distances, offsets] = [sums, squares, i32.variable(squares.add(padded), 'offsets')];
    forRange(from, to, 1, (image) => {
      const place = i32.variable(image.mul(pixels).mul(rowBytes), 'place');
      const source = i32.variable(x.add(place), 'source');
      const statistics = i32.variable(image.mul(groups).mul(4), 'statistics');
      // Distances from the first element of a group are small where the mean is large, and 0 in a constant group.
      forEachGroup(groups, perGroup, (_, first, end) => {
        forRange(first, end, 4, (c) => store(centers.add(c), f32.load(source.add(first))));
      });
      const [isFirst, isFar] = [i32.variable(1, 'isFirst'), i32.variable(0, 'isFar')];
      isFirst.set(i32.const(1));
      isFar.set(i32.const(1));
      whileTrue(
        () => isFar,
        () => {
          isFar.set(i32.const(0));
          const images = {
            pixels,
            rowBytes,
            channels,
            sources: [source],
            targets: [sums, squares] as const,
            sink: offsets,
          };
          sumOverPixels(images, (offset, channel, more) => {
            const center = f32x4.load(centers.add(channel), more);
            const distance = f32x4.variable(f32x4.load(source.add(offset), more).sub(center), 'distance');
            return [distance, distance.mul(distance)];
          });
          forEachGroup(groups, perGroup, (group, first, end) => {
            const [sum, sumOfSquares] = [f64.variable(0, 'sum'), f64.variable(0, 'sumOfSquares')];
            sum.set(f64.const(0));
            sumOfSquares.set(f64.const(0));
            forRange(first, end, 4, (c) => {
              sum.set(sum.add(f32.load(sums.add(c)).toF64()));
              sumOfSquares.set(sumOfSquares.add(f32.load(squares.add(c)).toF64()));
            });
            const distance = f64.variable(sum.div(count), 'distance');
            const squared = f64.variable(distance.mul(distance), 'squared');
            const variance = f64.variable(sumOfSquares.div(count).sub(squared).max(f64.const(0)), 'variance');
            const at = i32.variable(statistics.add(group.shl(2)), 'at');
            store(means.add(at), f32.load(centers.add(first)).toF64().add(distance).toF32());
            store(variances.add(at), variance.toF32());
            // Squares of this group are no longer needed.
            store(distances.add(group.shl(2)), distance.toF32());
            isFar.set(isFar.or(squared.gt(variance.mul(f64.const(farSquared))).and(isFirst)));
          });
          // If a first element is an outlier, the means serve in a second pass.
          when(isFar, () =>
            forEachGroup(groups, perGroup, (group, first, end) => {
              const mean = f32.variable(f32.load(means.add(statistics).add(group.shl(2))), 'mean');
              forRange(first, end, 4, (c) => store(centers.add(c), mean));
            }),
          );
          isFirst.set(i32.const(0));
        },
      );
      // y = factor·(x − center) + offset. A mean in single precision would not be as exact as the center.
      forEachGroup(groups, perGroup, (group, first, end) => {
        const variance = f32.load(variances.add(statistics).add(group.shl(2)));
        const inverse = f32.variable(inverseDeviation(variance, epsilon), 'inverse');
        const distance = f32.variable(f32.load(distances.add(group.shl(2))), 'distance');
        forRange(first, end, 4, (c) => {
          const factor = f32.variable(f32.load(gamma.add(c)).mul(inverse), 'factor');
          store(factors.add(c), factor);
          store(offsets.add(c), f32.load(beta.add(c)).sub(factor.mul(distance)));
        });
      });
      const target = i32.variable(y.add(place), 'target');
      forRange(0, pixels, 1, () => {
        forEachVector(channels, (offset, more, rest) => {
          const vector = (address: I32): F32x4 => f32x4.load(address.add(offset), more);
          const result = vector(offsets).addMul(vector(source).sub(vector(centers)), vector(factors));
          storeVector(target.add(offset), f32x4.variable(result, 'result'), more, rest);
        });
        for (const at of [source, target]) at.set(at.add(rowBytes));
      });
    });
  },
);

/** The gradient of `normalizeImages`. */
export function gradientOfImages(
  [dy, x, gamma, means, variances]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor],
  [dx, dgamma, dbeta]: readonly [Tensor, Tensor, Tensor],
  images: number,
  { pixels, groups, epsilon }: GroupNormAttributes,
): void {
  const channels = gamma.size;
  const padded = paddedBytes(channels);
  withTemporary(2 * padded * images, (sums) => {
    const args = { dy, x, gamma, means, variances, dx, sums, pixels, groups, perGroup: channels / groups, epsilon };
    const grain = chunksOf(images, pixels * channels * 0.8);
    gradientKernel.run(args, images, { grain, scratch: 4 * padded });
    const total = sumBlocks('f32', sums, images, padded / 2);
    dgamma.values.set(total.subarray(0, channels));
    dbeta.values.set(total.subarray(padded / 4, padded / 4 + channels));
  });
}

/** dx, and the sums [images, 2, padded channels] of dγ and dβ. */
const gradientKernel = new Kernel(
  'f32_group_norm_gradient',
  { ...types, dy: i32, dx: i32, sums: i32 },
  ({ dy, x, gamma, means, variances, dx, sums, pixels, groups, perGroup, epsilon }, from, to, scratch) => {
    const { channels, rowBytes, padded, count } = sizesOf(pixels, groups, perGroup);
    const [centers, factors, slopes, shifts] = [0, 1, 2, 3].map((at) =>
      i32.variable(scratch.add(padded.mul(at)), 'vector'),
    );
    const limit = flushLimit();
    forRange(from, to, 1, (image) => {
      const place = i32.variable(image.mul(pixels).mul(rowBytes), 'place');
      const [dyAt, xAt, dxAt] = [dy, x, dx].map((at) => i32.variable(at.add(place), 'at'));
      const statistics = i32.variable(image.mul(groups).mul(4), 'statistics');
      forEachGroup(groups, perGroup, (group, first, end) => {
        const mean = f32.variable(f32.load(means.add(statistics).add(group.shl(2))), 'mean');
        forRange(first, end, 4, (c) => store(centers.add(c), mean));
      });
      const gammaSums = i32.variable(sums.add(image.mul(padded).mul(2)), 'gammaSums');
      const betaSums = i32.variable(gammaSums.add(padded), 'betaSums');
      const sources = [dyAt, xAt];
      const images = { pixels, rowBytes, channels, sources, targets: [gammaSums, betaSums] as const, sink: shifts };
      sumOverPixels(images, (offset, channel, more) => {
        const dy4 = f32x4.variable(f32x4.load(dyAt.add(offset), more), 'dy4');
        const centered = f32x4.load(xAt.add(offset), more).sub(f32x4.load(centers.add(channel), more));
        return [dy4.mul(centered), dy4];
      });
      // dx = factor·dy − slope·(x − μ) − shift
      forEachGroup(groups, perGroup, (group, first, end) => {
        const [sum, sumCentered] = [f64.variable(0, 'sum'), f64.variable(0, 'sumCentered')];
        sum.set(f64.const(0));
        sumCentered.set(f64.const(0));
        forRange(first, end, 4, (c) => {
          const own = f64.variable(f32.load(gamma.add(c)).toF64(), 'own');
          sum.set(sum.add(own.mul(f32.load(betaSums.add(c)).toF64())));
          sumCentered.set(sumCentered.add(own.mul(f32.load(gammaSums.add(c)).toF64())));
        });
        const variance = f32.load(variances.add(statistics).add(group.shl(2)));
        const inverse = f32.variable(inverseDeviation(variance, epsilon), 'inverse');
        const s = f64.variable(inverse.toF64(), 's');
        const shift = f32.variable(sum.mul(s).div(count).toF32(), 'shift');
        const slope = f32.variable(sumCentered.mul(s).mul(s).mul(s).div(count).toF32(), 'slope');
        forRange(first, end, 4, (c) => {
          store(factors.add(c), f32.load(gamma.add(c)).mul(inverse));
          store(slopes.add(c), slope);
          store(shifts.add(c), shift);
          store(gammaSums.add(c), f32.load(gammaSums.add(c)).mul(inverse));
        });
      });
      forRange(0, pixels, 1, () => {
        forEachVector(channels, (offset, more, rest) => {
          const vector = (address: I32): F32x4 => f32x4.load(address.add(offset), more);
          const scaled = vector(dyAt).mul(vector(factors)).sub(vector(shifts));
          const result = scaled.subMul(vector(xAt).sub(vector(centers)), vector(slopes));
          storeVector(dxAt.add(offset), f32x4.variable(flushedLanes(result, limit), 'result'), more, rest);
        });
        for (const at of [dyAt, xAt, dxAt]) at.set(at.add(rowBytes));
      });
    });
  },
);

function sizesOf(pixels: I32, groups: I32, perGroup: I32) {
  const channels = i32.variable(groups.mul(perGroup), 'channels');
  return {
    channels,
    rowBytes: i32.variable(channels.mul(4), 'rowBytes'),
    padded: i32.variable(channels.add(15).and(-16).mul(4), 'padded'),
    /** The number of elements of a group. */
    count: f64.variable(wholeToF64(pixels.mul(perGroup)), 'count'),
  };
}

/** Emits `body` for each group, with the positions of its first channel and of the end in bytes. */
function forEachGroup(groups: I32, perGroup: I32, body: (group: I32, first: I32, end: I32) => void): void {
  const bytes = i32.variable(perGroup.mul(4), 'groupBytes');
  forRange(0, groups, 1, (group) => {
    const first = i32.variable(group.mul(bytes), 'first');
    body(group, first, i32.variable(first.add(bytes), 'end'));
  });
}

/** Pixels whose sum is a partial sum: sums of floats are short, and their vectors stay in the first-level cache. */
const blockPixels = 64;

interface SumOverPixels {
  readonly pixels: I32;
  readonly rowBytes: I32;
  readonly channels: I32;
  /** Addresses of the images that the terms read. */
  readonly sources: readonly I32[];
  /** Addresses of two vectors of padded channels, where the sums are stored. */
  readonly targets: readonly [I32, I32];
  /** An address where `readAhead` may store something. */
  readonly sink: I32;
}

/**
 * Emits code that sums two terms over the pixels of an image, for each channel.
 *
 * @param terms For four numbers at `offset + more` of the image, in bytes, whose channel is at `channel + more`.
 */
function sumOverPixels(
  { pixels, rowBytes, channels, sources, targets, sink }: SumOverPixels,
  terms: (offset: I32, channel: I32, more: number) => readonly [F32x4, F32x4],
): void {
  const end = i32.variable(channels.add(3).and(-4).mul(4), 'end');
  for (const target of targets) forRange(0, end, 16, (channel) => store(target.add(channel), f32x4.const(0)));
  const lines = i32.variable(end.and(-64), 'lines');
  forRange(0, pixels, blockPixels, (firstPixel) => {
    const count = i32.variable(firstPixel.add(blockPixels).minU(pixels).sub(firstPixel), 'count');
    const start = i32.variable(firstPixel.mul(rowBytes), 'start');
    for (const source of sources) readAhead(source.add(start), count.mul(rowBytes), sink);
    const sumVectors = (channel: I32, vectors: number): void => {
      const sums = Array.from({ length: vectors }, () => targets.map(() => f32x4.variable(0, 'sum')));
      for (const sum of sums.flat()) sum.set(f32x4.const(0));
      const offset = i32.variable(start.add(channel), 'offset');
      forRange(0, count, 1, () => {
        sums.forEach((own, vector) => {
          terms(offset, channel, 16 * vector).forEach((term, kind) => {
            own[kind].set(own[kind].add(term));
          });
        });
        offset.set(offset.add(rowBytes));
      });
      sums.forEach((own, vector) => {
        own.forEach((sum: Variable<F32x4>, kind) => {
          const at = i32.variable(targets[kind].add(channel), 'at');
          store(at, f32x4.load(at, 16 * vector).add(sum), 16 * vector);
        });
      });
    };
    forRange(0, lines, 64, (channel) => sumVectors(channel, 4));
    forRange(lines, end, 16, (channel) => sumVectors(channel, 1));
  });
}
