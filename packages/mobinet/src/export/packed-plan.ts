import { type Counts, countLinesOp, countThresholdsOp } from '@mobinet/bnn';
import { applyInto, type BitTensor, bitConv2dAttributes, currentBackend, sizeOf, type Tensor } from '@mobinet/tensor';
import {
  affineOp,
  bitBytes,
  bitConv2dOp,
  bytesOf,
  conv2dAttributes,
  conv2dOp,
  packBitsOp,
  preluOp,
  Workspace,
} from '@mobinet/tensor/kernels';
import type { MoBiNetOptions } from '../model/options.js';
import { type SegmentPlan, weightsPerFilter } from '../model/plan.js';
import { stemConvolution } from '../model/stem.js';

/** The layers of a packed network up to its last segment, made ready: what a plan runs. */
export interface PackedLayers {
  readonly options: MoBiNetOptions;
  readonly stem: PackedStem;
  readonly segments: readonly PackedSegment[];
}

/** Convolution, folded BatchNorm, PReLU. */
export interface PackedStem {
  readonly weight: Tensor;
  readonly scale: Tensor;
  readonly shift: Tensor;
  readonly slope: Tensor;
}

export interface PackedSegment {
  readonly name: string;
  readonly plan: SegmentPlan;
  /** Of the pool that ends its unit; null where there is none. */
  readonly pool: MoBiNetOptions['pool'] | null;
  /** Height and width of its output, after the pool. */
  readonly outSize: number;
  /** Of its counts. */
  readonly dtype: Counts['dtype'];
  /** [outChannels, kernel, kernel, inChannels / groups] */
  readonly signs: BitTensor;
  /** All that follows the convolution, [3, outChannels] (`foldLines`). */
  readonly lines: Tensor;
  /** The same where nothing but signs is wanted of the output (`foldThresholds`); null elsewhere. */
  readonly thresholds: Tensor<'i16'> | null;
}

/** What a layer hands to the next: signs for its convolution, and numbers for its skip. */
export interface Activations {
  readonly values: Tensor;
  readonly signs: BitTensor;
}

/** A layer with its memory. The first one reads the images, every other what the one before it has written. */
export interface PlannedLayer {
  readonly name: string;
  readonly output: Activations;
  run(images: Tensor): void;
}

/**
 * How a packed network runs batches of one size: every layer, and where in memory it reads and writes. Made once, so that a run
 * makes no tensor.
 *
 * A segment is two passes. The convolution xors signs and counts; then `countLines` makes of the counts the output and its signs, pool
 * included. So there are four workspaces: counts, which live between these two; signs, which are read before they are
 * overwritten; and two of values, since a segment reads from one and writes to the other.
 */
export class PackedPlan {
  readonly layers: readonly PlannedLayer[];
  /** What the last layer writes. Valid until the next run. */
  readonly features: Tensor;
  readonly #memory: { dispose(): void }[] = [];

  constructor(
    { options, stem, segments }: PackedLayers,
    readonly batch: number,
  ) {
    const stemSize = Math.ceil(options.imageSize / options.stemStride);
    const shapes = [
      [batch, stemSize, stemSize, stem.weight.shape[0]],
      ...segments.map(({ plan, outSize }) => [batch, outSize, outSize, plan.outChannels]),
    ];
    const countShapes = segments.map(({ plan }) => [batch, plan.size, plan.size, plan.outChannels]);

    const workspace = (bytes: readonly number[]): Workspace => this.#hold(new Workspace(Math.max(...bytes)));
    const values = [0, 1].map(() => workspace(shapes.map((shape) => 4 * sizeOf(shape))));
    const signs = workspace(shapes.map(bitBytes));
    const counts = workspace(
      segments.map(({ dtype }, at) => bytesOf(dtype, currentBackend()) * sizeOf(countShapes[at])),
    );
    const activations = shapes.map((shape, layer) => ({
      values: this.#hold(values[layer % 2].tensor('f32', shape)),
      signs: this.#hold(signs.bits(shape)),
    }));

    this.layers = [
      stemLayer(stem, options, batch, activations[0]),
      ...segments.map((segment, at) => {
        const own = this.#hold(counts.tensor(segment.dtype, countShapes[at]));
        return segmentLayer(segment, options, activations[at], own, activations[at + 1]);
      }),
    ];
    this.features = activations[segments.length].values;
  }

  dispose(): void {
    for (const part of this.#memory) part.dispose();
  }

  #hold<T extends { dispose(): void }>(part: T): T {
    this.#memory.push(part);
    return part;
  }
}

function stemLayer(
  { weight, scale, shift, slope }: PackedStem,
  { imageSize, stemStride }: MoBiNetOptions,
  batch: number,
  output: Activations,
): PlannedLayer {
  const { values, signs } = output;
  const images = [batch, imageSize, imageSize, 3];
  const convolution = conv2dAttributes('stem', images, weight.shape, stemConvolution(stemStride));
  return {
    name: 'stem',
    output,
    run(x) {
      applyInto(conv2dOp, [x, weight], [values], convolution);
      applyInto(affineOp, [values, scale, shift], [values], undefined);
      applyInto(preluOp, [values, slope], [values], undefined);
      applyInto(packBitsOp, [values], [signs], undefined);
    },
  };
}

function segmentLayer(
  { name, plan, pool, dtype, signs, lines, thresholds }: PackedSegment,
  { padding }: MoBiNetOptions,
  input: Activations,
  counts: Counts,
  output: Activations,
): PlannedLayer {
  const { groups, skipRepeats } = plan;
  const options = { groups, padding: 'same', paddingValue: padding } as const;
  const convolution = { ...bitConv2dAttributes(name, input.signs.shape, signs.shape, options), dtype };
  const tail = { signs: weightsPerFilter(plan), skipRepeats, pool };
  const skip = skipRepeats > 0 ? [input.values] : [];
  return {
    name,
    output,
    run() {
      applyInto(bitConv2dOp, [input.signs, signs], [counts], convolution);
      if (thresholds) applyInto(countThresholdsOp, [counts, thresholds], [output.signs], undefined);
      else applyInto(countLinesOp, [counts, lines, ...skip], [output.values, output.signs], tail);
    },
  };
}
