import { type Counts, countDType, countLines, foldLines } from '@mobinet/bnn';
import {
  add,
  affine,
  type BitTensor,
  bitConv2d,
  bitTensor,
  conv2d,
  matmul,
  mean,
  packBits,
  prelu,
  reshape,
  type Tensor,
  tidy,
  unpackBits,
} from '@mobinet/tensor';
import type { MoBiNetOptions } from '../model/options.js';
import { planNetwork, type SegmentPlan, weightsPerFilter } from '../model/plan.js';
import { stemConvolution } from '../model/stem.js';
import type { PackedTensors } from './packed-file.js';
import { segmentPrefix } from './packed-format.js';

/** The layers of a packed network. Their tensors are on the CPU, and labelled by their layer. */
export interface PackedLayers {
  readonly options: MoBiNetOptions;
  /** Convolution, folded BatchNorm, PReLU. */
  readonly stem: { readonly weight: Tensor; readonly scale: Tensor; readonly shift: Tensor; readonly slope: Tensor };
  readonly segments: readonly PackedSegment[];
  readonly classifier: { readonly weight: Tensor; readonly bias: Tensor };
}

export interface PackedSegment {
  readonly name: string;
  readonly plan: SegmentPlan;
  /** The pool that ends its unit; null where there is none. */
  readonly pool: MoBiNetOptions['pool'] | null;
  /** Height and width of its output, after the pool. */
  readonly outSize: number;
  /** The dtype of its counts. */
  readonly dtype: Counts['dtype'];
  /** [outChannels, kernel, kernel, inChannels / groups] */
  readonly signs: BitTensor;
  /** All that follows the convolution, [3, outChannels] (`foldLines`). */
  readonly lines: Tensor;
}

/** Makes the tensors of a file ready: what they become lives on without them. On the CPU. */
export function packedLayers(options: MoBiNetOptions, tensors: PackedTensors): PackedLayers {
  const part = (name: string): Tensor => labelled(name, (tensors.get(name) as Tensor).twin());
  return {
    options,
    stem: {
      ...{ weight: part('stem.weight'), scale: part('stem.scale') },
      ...{ shift: part('stem.shift'), slope: part('stem.slope') },
    },
    segments: packedSegments(options, tensors),
    classifier: { weight: part('classifier.weight'), bias: part('classifier.bias') },
  };
}

function packedSegments(options: MoBiNetOptions, tensors: PackedTensors): PackedSegment[] {
  return planNetwork(options).units.flatMap((unit, index) =>
    unit.segments.map((plan, at): PackedSegment => {
      const isLast = at === unit.segments.length - 1;
      const name = segmentPrefix(index, plan);
      const tensorAt = (part: string): Tensor => tensors.get(`${name}.${part}`) as Tensor;
      const slope = tensors.has(`${name}.slope`) ? tensorAt('slope') : null;
      const lines = foldLines({ alpha: tensorAt('alpha'), slope, scale: tensorAt('scale'), shift: tensorAt('shift') });
      return {
        ...{ name, plan, pool: isLast && unit.pool ? options.pool : null, outSize: isLast ? unit.outSize : plan.size },
        dtype: countDType(weightsPerFilter(plan), { paddingValue: options.padding }),
        signs: labelled(`${name}.signs`, filterSigns(plan, tensors.get(`${name}.signs`) as Tensor<'u32'>)),
        lines: labelled(`${name}.lines`, lines),
      };
    }),
  );
}

/** From one row of bits a filter, as in the file, to one row a tap, as the convolution reads them. */
function filterSigns(plan: SegmentPlan, { values }: Tensor<'u32'>): BitTensor {
  const { outChannels, kernel, inChannels, groups } = plan;
  return tidy(() => {
    const rows = bitTensor(values, [outChannels, weightsPerFilter(plan)]);
    return packBits(reshape(unpackBits(rows), [outChannels, kernel, kernel, inChannels / groups]));
  });
}

function labelled<T extends Tensor | BitTensor>(label: string, tensor: T): T {
  tensor.label = label;
  return tensor;
}

/**
 * Images [batch, imageSize, imageSize, 3] to logits [batch, classes], layer by layer: what a trained network does in evaluation, written as
 * plainly. How it runs fast is the business of `compile` and its rules.
 */
export function packedForward({ options, stem, segments, classifier }: PackedLayers, images: Tensor): Tensor {
  const { scale, shift, slope } = stem;
  let x = prelu(affine(conv2d(images, stem.weight, stemConvolution(options.stemStride)), scale, shift), slope);
  for (const segment of segments) x = segmentForward(segment, options, x);
  return add(matmul(mean(x, { axes: [1, 2] }), classifier.weight, { transposeB: true }), classifier.bias);
}

function segmentForward(
  { plan, dtype, signs, lines, pool }: PackedSegment,
  { padding: paddingValue }: MoBiNetOptions,
  x: Tensor,
): Tensor {
  const { groups, skipRepeats } = plan;
  const counts = bitConv2d(packBits(x), signs, { groups, padding: 'same', paddingValue, dtype });
  const skip = skipRepeats > 0 ? x : null;
  return countLines(counts, lines, skip, { signs: weightsPerFilter(plan), skipRepeats, pool }).output;
}
