import { type BatchNorm2d, PReLU, type ReLU } from '@mobinet/autograd';
import { binarizeWeights } from '@mobinet/bnn';
import {
  checkRecord,
  type DType,
  reshape,
  type Tensor,
  tensor,
  tidy,
  type UnsharedBytes,
  wordsPerRow,
} from '@mobinet/tensor';
import type { MoBiNet } from '../model/mobinet.js';
import type { Segment } from '../model/segment.js';
import { encodeChecked, packedFormat } from './checked-file.js';
import { type PackedInfo, packedMetadata, segmentPrefix } from './packed-format.js';

/**
 * A trained network as a packed file (packed-format.ts): binary weights become bits and scales, BatchNorm its two factors,
 * latent weights and running statistics stay behind.
 * @throws RangeError for a float twin, whose weights are no bits.
 */
export function packModel(model: MoBiNet, info: Omit<PackedInfo, 'options'> = {}): UnsharedBytes {
  checkRecord('packModel: model', model);
  checkRecord('packModel: model.options', model.options);
  if (model.options.precision !== 'binary') {
    throw new RangeError(
      "a network of precision 'float' is not packed: its weights are no bits. The checkpoint of its run holds them",
    );
  }
  const metadata = packedMetadata({ options: model.options, ...info });
  return tidy(() => encodeChecked(packedFormat, networkTensors(model), metadata));
}

/**
 * What a binary network computes with in evaluation, under the names of the packed format. Call it in a `tidy`: some tensors are new,
 * others the network's own.
 */
export function networkTensors({ stem, units, classifier }: MoBiNet): Map<string, Tensor<DType>> {
  const tensors = new Map<string, Tensor<DType>>();
  tensors.set('stem.weight', stem.conv.weight);
  addChannelTensors(tensors, 'stem', stem);
  units.forEach((unit, index) => {
    for (const segment of unit.segments) {
      const prefix = segmentPrefix(index, segment.plan);
      addFilters(tensors, prefix, segment);
      addChannelTensors(tensors, prefix, segment);
    }
  });
  tensors.set('classifier.weight', classifier.weight);
  if (classifier.bias) tensors.set('classifier.bias', classifier.bias);
  return tensors;
}

function addFilters(tensors: Map<string, Tensor<DType>>, prefix: string, { conv, plan }: Segment): void {
  const { outChannels } = plan;
  // All weights of a filter in one row: a group's few channels would leave most of a word unused.
  const { signs, scale } = binarizeWeights(reshape(conv.weight, [outChannels, -1]));
  tensors.set(`${prefix}.signs`, tensor(signs.words, { shape: [outChannels, wordsPerRow(signs.rowLength)] }));
  tensors.set(`${prefix}.alpha`, scale);
}

function addChannelTensors(
  tensors: Map<string, Tensor<DType>>,
  prefix: string,
  { activation, norm }: { activation: PReLU | ReLU; norm: BatchNorm2d },
): void {
  if (activation instanceof PReLU) tensors.set(`${prefix}.slope`, activation.slope);
  const { scale, shift } = norm.fold();
  tensors.set(`${prefix}.scale`, scale);
  tensors.set(`${prefix}.shift`, shift);
}
