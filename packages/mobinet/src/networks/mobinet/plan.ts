import type { Block, MoBiNetOptions, Skip } from './options.js';

export type SegmentName = 'depthwise' | 'pointwise' | 'extra';

/** One convolution segment: sign → binary convolution · α → activation → batch normalisation, plus its skip. */
export interface SegmentPlan {
  readonly name: SegmentName;
  readonly kernel: 1 | 3;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  /** Height and width of its input and output, in pixels. */
  readonly size: number;
  /** How many times the input is repeated along the channels to be added to the output; 0 where there is no skip. */
  readonly skipRepeats: number;
}

export interface UnitPlan {
  readonly segments: readonly SegmentPlan[];
  /** Whether the unit ends in a 2×2 pool. */
  readonly pool: boolean;
  /** Height and width of its output, in pixels. */
  readonly outSize: number;
}

/** The whole network, layer by layer, before any memory exists: what model, summary and packed file are built from. */
export interface NetworkPlan {
  readonly stem: { readonly outChannels: number; readonly stride: number; readonly outSize: number };
  readonly units: readonly UnitPlan[];
  readonly features: number;
}

/** Units of the paper: channels in and out, in multiples of the stem's, and whether they end in a pool. */
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

/** The segments of each block, in order: which one, and whether it already has the unit's output channels. */
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

/** What a filter of a segment sees of a patch, and so the largest count of its signs. */
export function weightsPerFilter({ kernel, inChannels, groups }: SegmentPlan): number {
  return (kernel * kernel * inChannels) / groups;
}

/**
 * Lays out MoBiNet for checked options.
 * @throws RangeError if 2^K does not divide a depth-wise layer's channels, the image shrinks to nothing, or too much memory is asked for.
 */
export function planNetwork(options: MoBiNetOptions): NetworkPlan {
  const { block, k, skip, width, imageSize, stemStride } = options;
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
            `Use k ≤ ${largestK(base)}, or a larger width than ${width}`,
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
        `imageSize ${imageSize} is too small: nothing is left of it to pool in units.${index}. ` +
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

/** What a network may take, in bytes: for its weights as floats, and for one image on its way through. Half of that is tight on a phone. */
const largestMemory = 2 ** 30;

/** Before memory is taken: a few characters of options, in a file or on a command line, could ask for any size. */
function checkMemory({ stem, units, features }: NetworkPlan, { classes, width, imageSize }: MoBiNetOptions): void {
  const segments = units.flatMap((unit) => unit.segments);
  const weights = segments.reduce((sum, plan) => sum + plan.outChannels * weightsPerFilter(plan), features * classes);
  if (4 * weights > largestMemory) {
    throw new RangeError(
      `a network of width ${width} for ${classes} classes has ${gigabytes(4 * weights)} of weights, ` +
        `more than the ${gigabytes(largestMemory)} that one may have. Use a smaller width or fewer classes`,
    );
  }
  // What the segments read and write, floats, takes turns; their counts are beside them, two bytes each at most.
  const outputs = units.flatMap(({ segments, outSize }) =>
    segments.map(({ size, outChannels }, at) => (segments[at + 1] ? size : outSize) ** 2 * outChannels),
  );
  const counts = segments.map(({ size, outChannels }) => size ** 2 * outChannels);
  const floats = 3 * imageSize ** 2 + 2 * Math.max(stem.outSize ** 2 * stem.outChannels, ...outputs);
  const image = 4 * floats + 2 * Math.max(...counts);
  if (image > largestMemory) {
    throw new RangeError(
      `with imageSize ${imageSize} and width ${width}, an image takes ${gigabytes(image)} on its way through the network, ` +
        `more than the ${gigabytes(largestMemory)} that it may take. Use a smaller imageSize or width`,
    );
  }
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;

function skips(skip: Skip, name: SegmentName, block: Block, inChannels: number, outChannels: number): boolean {
  if (skip === 'none' || skip === 'all') return skip === 'all';
  if (inChannels !== outChannels) return false;
  if (skip === 'same-shape') return true;
  // Fig. 2: the depth-wise segment, and the point-wise one that keeps its channels in every unit of the block.
  return name === 'depthwise' || (name === 'pointwise' && block !== 'none');
}

/** The largest K whose groups divide all channel counts, which are multiples of `base`. */
function largestK(base: number): number {
  return Math.log2(base & -base);
}
