import { resolveOptions } from '../options.js';
import { type Block, type MoBiNetOptions, mobinetOptions, type Skip } from './options.js';

/** The role of a segment in its unit. */
export type SegmentName = 'depthwise' | 'pointwise' | 'extra';

/** A segment: sign → binary convolution · α → activation → batch normalization, plus its skip connection. */
export interface SegmentPlan {
  /** Its role in the unit, which is its name there. */
  readonly name: SegmentName;
  /** Height and width of the filters, in pixels: 3 for the depth-wise segment, else 1. */
  readonly kernel: 1 | 3;
  /** The channels of its input. */
  readonly inChannels: number;
  /** The channels of its output. */
  readonly outChannels: number;
  /** The number of groups of the convolution. A group of the depth-wise segment has 2^K channels. */
  readonly groups: number;
  /** Height and width of its input and output, in pixels. */
  readonly size: number;
  /** How many times the skip connection repeats the input along the channels; 0 without a skip connection. */
  readonly skipRepeats: number;
}

/** A unit of MoBiNet, which replaces a depth-wise separable convolution of MobileNet. */
export interface UnitPlan {
  /** Its segments in execution order. */
  readonly segments: readonly SegmentPlan[];
  /** Whether the unit ends in a 2×2 pool. */
  readonly pool: boolean;
  /** Height and width of its output, in pixels. */
  readonly outSize: number;
}

/** The layout of a whole MoBiNet, made before its tensors. */
export interface NetworkPlan {
  /** The first convolution, which is not binary: its channels, stride, and height and width of its output in pixels. */
  readonly stem: { readonly outChannels: number; readonly stride: number; readonly outSize: number };
  /** The 13 units in execution order. */
  readonly units: readonly UnitPlan[];
  /** The number of inputs of the classifier. */
  readonly features: number;
}

/** The units of the paper: input and output channels, as multiples of the stem's, and whether they end in a pool. */
const unitTable: readonly (readonly [inChannels: number, outChannels: number, pool: boolean])[] = [
  [1, 2, false],
  [2, 4, true],
  [4, 4, false],
  [4, 8, true],
  [8, 8, false],
  [8, 16, true],
  ...Array.from({ length: 5 }, () => [16, 16, false] as const),
  [16, 32, true],
  [32, 32, false],
];

/** The segments of each block in execution order, with their channels: those of the unit's input or output. */
const blockTable: Record<Block, readonly (readonly [SegmentName, from: 'in' | 'out', to: 'in' | 'out'])[]> = {
  none: [
    ['depthwise', 'in', 'in'],
    ['pointwise', 'in', 'out'],
  ],
  pre: [
    ['extra', 'in', 'out'],
    ['depthwise', 'out', 'out'],
    ['pointwise', 'out', 'out'],
  ],
  mid: [
    ['depthwise', 'in', 'in'],
    ['extra', 'in', 'out'],
    ['pointwise', 'out', 'out'],
  ],
  post: [
    ['depthwise', 'in', 'in'],
    ['pointwise', 'in', 'in'],
    ['extra', 'in', 'out'],
  ],
};

/** The number of weights of each filter in a segment, which is also the largest count of its convolution. */
export function weightsPerFilter({ kernel, inChannels, groups }: SegmentPlan): number {
  return (kernel * kernel * inChannels) / groups;
}

/**
 * Plans a MoBiNet for options that were checked by `mobinet.resolve`.
 *
 * @throws RangeError if 2^K does not divide a depth-wise layer's channels, the image is too small, or the network needs
 *   too much memory.
 * @example
 * ```ts
 * import { mobinet, planNetwork } from 'mobinet';
 *
 * const { stem, units, features } = planNetwork(mobinet.resolve({ width: 0.25, imageSize: 64 }));
 * const [first] = units[0].segments;
 * console.log(`stem: ${stem.outChannels} channels of ${stem.outSize}×${stem.outSize}`);
 * console.log(`units.0.${first.name}: ${first.kernel}×${first.kernel}, ${first.groups} group`);
 * console.log(`${units.length} units, ${features} features`);
 * // → stem: 8 channels of 32×32
 * // → units.0.depthwise: 3×3, 1 group
 * // → 13 units, 256 features
 * ```
 */
export function planNetwork(options: MoBiNetOptions): NetworkPlan {
  const { block, k, skip, width, imageSize, stemStride } = resolveOptions(mobinetOptions, options, 'mobinet');
  const base = Math.max(1, Math.round(32 * width));
  const groupSize = 2 ** k;
  const stem = { outChannels: base, stride: stemStride, outSize: Math.ceil(imageSize / stemStride) };

  let size = stem.outSize;
  const units = unitTable.map(([inMultiple, outMultiple, pool], index): UnitPlan => {
    const channels = { in: inMultiple * base, out: outMultiple * base };
    const segments = blockTable[block].map(([name, from, to]): SegmentPlan => {
      const [inChannels, outChannels] = [channels[from], channels[to]];
      const isDepthwise = name === 'depthwise';
      if (isDepthwise && inChannels % groupSize !== 0) {
        throw new RangeError(
          `units.${index}.depthwise: groups of 2^K = ${groupSize} channels do not divide its ${inChannels} channels. ` +
            `Use k ≤ ${largestK(base)}, or a width above ${width}`,
        );
      }
      return {
        name,
        kernel: isDepthwise ? 3 : 1,
        inChannels,
        outChannels,
        groups: isDepthwise ? inChannels / groupSize : 1,
        size,
        skipRepeats: skips(skip, name, block, inChannels, outChannels) ? outChannels / inChannels : 0,
      };
    });
    const outSize = pool ? Math.floor(size / 2) : size;
    if (outSize < 1) {
      throw new RangeError(
        `imageSize ${imageSize} is too small: nothing is left to pool in units.${index}. ` +
          `Use at least ${16 * stemStride} with stemStride ${stemStride}`,
      );
    }
    size = outSize;
    return { segments, pool, outSize };
  });
  const plan = { stem, units, features: 32 * base };
  checkMemory(plan, options);
  return plan;
}

/**
 * Limit in bytes on the weights of a network, as floats, and on its activations for one image. Even half of it is tight
 * on a phone.
 */
const maxBytes = 2 ** 30;

/** Runs before memory is taken, since options in a file or on a command line could ask for any size. */
function checkMemory({ stem, units, features }: NetworkPlan, { classes, width, imageSize }: MoBiNetOptions): void {
  const segments = units.flatMap((unit) => unit.segments);
  const weights = segments.reduce((sum, plan) => sum + plan.outChannels * weightsPerFilter(plan), features * classes);
  if (4 * weights > maxBytes) {
    throw new RangeError(
      `a network of width ${width} for ${classes} classes has ${gigabytes(4 * weights)} of weights, ` +
        `more than the limit of ${gigabytes(maxBytes)}. Use a smaller width or fewer classes`,
    );
  }
  // Two float buffers take turns as input and output of the segments. Counts add at most two bytes each.
  const outputs = units.flatMap(({ segments, outSize }) =>
    segments.map(({ size, outChannels }, at) => (segments[at + 1] ? size : outSize) ** 2 * outChannels),
  );
  const counts = segments.map(({ size, outChannels }) => size ** 2 * outChannels);
  const floats = 3 * imageSize ** 2 + 2 * Math.max(stem.outSize ** 2 * stem.outChannels, ...outputs);
  const image = 4 * floats + 2 * Math.max(...counts);
  if (image > maxBytes) {
    throw new RangeError(
      `with imageSize ${imageSize} and width ${width}, one image needs ${gigabytes(image)} of memory, ` +
        `more than the limit of ${gigabytes(maxBytes)}. Use a smaller imageSize or width`,
    );
  }
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;

function skips(skip: Skip, name: SegmentName, block: Block, inChannels: number, outChannels: number): boolean {
  if (skip === 'none' || skip === 'all') return skip === 'all';
  if (inChannels !== outChannels) return false;
  if (skip === 'same-shape') return true;
  // Fig. 2: the depth-wise segment, and the point-wise segment that keeps its channels in every unit of the block.
  return name === 'depthwise' || (name === 'pointwise' && block !== 'none');
}

/** The largest K whose groups divide all channel counts, which are multiples of `base`. */
function largestK(base: number): number {
  return Math.log2(base & -base);
}
