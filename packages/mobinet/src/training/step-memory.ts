import { countDType } from '@mobinet/bnn';
import { bitConv2dAttributes, type PaddingValue } from '@mobinet/tensor';
import { hasLookup } from '@mobinet/tensor/kernels';
import { microBatchSize } from '../data/micro-batches.js';
import { type MoBiNetOptions, resolveOptions } from '../model/options.js';
import { planNetwork, type SegmentPlan, type UnitPlan, weightsPerFilter } from '../model/plan.js';
import { summary } from '../model/summary.js';
import type { TrainingOptions } from './options.js';

/** What a layer takes of each image, in bytes. */
interface LayerBytes {
  /** What its gradient rule reads: it lives from the forward pass to the layer's backward pass. */
  readonly saved: number;
  /** What else lives to the end of the forward pass: outputs that only the network itself holds. */
  readonly held: number;
  /** What lives beside these while it runs forward, and beside what is saved while it runs backward. */
  readonly forward: number;
  readonly backward: number;
}

/** Numbers that an optimizer remembers of each parameter. */
const momentsOf = { adam: 2, adamw: 2, sgd: 1, bop: 1 } as const satisfies Record<TrainingOptions['optimizer'], number>;

/** What is taken whatever the network is: kernels' own memory, and what the memory grows by. */
const fixedBytes = 4e6;

/** The patches of a convolution take no more, however many images there are. */
const mostPatchBytes = 8.5e6;

/** Blocks of many sizes do not fill memory without gaps. */
const gaps = 1.15;

/**
 * How much memory a step of training takes on the CPU at most, in bytes, from the plan of the network: parameters with their gradients and
 * moments, the images of the batch, and what the layers keep of a micro-batch. Nothing is allocated. What is measured is less, but more than
 * two thirds of it.
 */
export function stepMemory(
  options: Partial<MoBiNetOptions>,
  { optimizer, batchSize }: Pick<TrainingOptions, 'optimizer' | 'batchSize'>,
  microBatches: number,
): number {
  const resolved = resolveOptions(options);
  // One sum of gradients waits at each level of the tree.
  const copies = 1 + momentsOf[optimizer] + 1 + Math.log2(microBatches);
  const images = batchSize * imageBytes(resolved);
  const atOnce = microBatchSize({ batchSize, microBatches });
  const patches = Math.min(mostPatchBytes, atOnce * patchBytes(resolved));
  const layers = atOnce * bytesPerImage(resolved);
  return gaps * (4 * copies * summary(resolved).parameters + images + layers) + patches + fixedBytes;
}

/** The largest tensor of a step, in bytes for each image, with four bytes an element as on a GPU. */
export function largestTensor(options: Partial<MoBiNetOptions>): number {
  const resolved = resolveOptions(options);
  const { stem, units } = planNetwork(resolved);
  const ofSegments = units.flatMap(({ segments }) => segments.map(({ size, outChannels }) => size ** 2 * outChannels));
  return 4 * Math.max(imageBytes(resolved) / 4, stem.outSize ** 2 * stem.outChannels, ...ofSegments);
}

/** Of the stem: 3×3 pixels of three colours around each. */
const patchBytes = ({ imageSize, stemStride }: MoBiNetOptions): number =>
  4 * 30 * Math.ceil(imageSize / stemStride) ** 2;

/** Bytes that an image takes as an input. */
const imageBytes = ({ imageSize }: MoBiNetOptions): number => 4 * 3 * imageSize ** 2;

/** What the layers hold of each image when they hold the most: all that is saved up to one of them, and that one at work. */
function bytesPerImage(options: MoBiNetOptions): number {
  const { stem, units } = planNetwork(options);
  const stemOutput = 4 * stem.outSize ** 2 * stem.outChannels;
  const layers: LayerBytes[] = [
    // The normalisation keeps what the convolution made, and the PReLU what the normalisation made.
    { saved: 2 * stemOutput, held: 0, forward: stemOutput, backward: 2 * stemOutput },
    ...units.flatMap((unit) => [
      ...unit.segments.map((segment) => segmentBytes(segment, options)),
      endOfUnitBytes(unit, options),
    ]),
  ];
  let [saved, held, most] = [0, 0, 0];
  for (const layer of layers) {
    saved += layer.saved;
    most = Math.max(most, saved + held + layer.forward, saved + layer.backward);
    held += layer.held;
  }
  return most;
}

function segmentBytes(segment: SegmentPlan, { precision, estimator, padding }: MoBiNetOptions): LayerBytes {
  const { inChannels, outChannels, size } = segment;
  const [input, output] = [4 * size ** 2 * inChannels, 4 * size ** 2 * outChannels];
  if (precision === 'float') {
    // Convolution, activation and normalisation each keep their input; around them goes the skip.
    return { saved: input + 2 * output, held: 0, forward: 2 * output, backward: 3 * output + input };
  }
  const signs = 4 * size ** 2 * Math.ceil(inChannels / 32);
  const signsOfFilter = weightsPerFilter(segment);
  const bytesPerCount = countDType(signsOfFilter, { paddingValue: padding }) === 'u8' ? 1 : 2;
  const ofEstimator = { approx: input, clip: signs, identity: 0 }[estimator];
  return {
    saved: signs + (bytesPerCount * output) / 4 + ofEstimator,
    held: 0,
    // Its output, and where the estimator does not keep them, those of the segments before it in the unit.
    forward: output + (estimator === 'approx' ? 0 : input + output),
    // Gradients of the output, of the counts, and of the input; without a kernel for all in one, steps of the latter, and signs as floats.
    backward: 2 * output + (hasGradientKernel(segment, padding) ? 1 : 8) * input,
  };
}

function hasGradientKernel(
  { kernel, inChannels, outChannels, groups, size }: SegmentPlan,
  paddingValue: PaddingValue,
): boolean {
  const [image, filter] = [
    [1, size, size, inChannels],
    [outChannels, kernel, kernel, inChannels / groups],
  ];
  const attributes = bitConv2dAttributes('stepMemory', image, filter, { padding: 'same', groups, paddingValue });
  return hasLookup(filter, attributes) && inChannels % 4 === 0;
}

/** A pool: an average needs nothing of its input, an extreme remembers where it was. Then the output of the unit. */
function endOfUnitBytes({ segments, pool, outSize }: UnitPlan, options: MoBiNetOptions): LayerBytes {
  const { outChannels, size } = segments[segments.length - 1];
  const [input, output] = [4 * size ** 2 * outChannels, 4 * outSize ** 2 * outChannels];
  const isKept = options.precision === 'float' || options.estimator === 'approx';
  const held = isKept ? 0 : output;
  if (!pool) return { saved: 0, held, forward: 0, backward: 0 };
  const saved = options.pool === 'average' ? 0 : output;
  return { saved, held, forward: input + output, backward: input + output };
}
