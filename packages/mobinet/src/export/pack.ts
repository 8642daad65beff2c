import { type BatchNorm2d, PReLU, type ReLU } from '@mobinet/autograd';
import { binarizeWeights } from '@mobinet/bnn';
import {
  type DType,
  encodeSafetensors,
  foldBatchNorm,
  reshape,
  type Tensor,
  tensor,
  tidy,
  wordsPerRow,
} from '@mobinet/tensor';
import type { MoBiNet } from '../model/mobinet.js';
import { type PackedInfo, packedMetadata, segmentPrefix } from './packed-format.js';

/**
 * A trained network as a packed file (packed-format.ts): binary weights become bits and scales, BatchNorm its two factors,
 * latent weights and running statistics stay behind.
 * @throws RangeError for a float twin, whose weights are no bits.
 */
export function packModel(model: MoBiNet, info: Omit<PackedInfo, 'options'> = {}): Uint8Array {
  if (model.options.precision !== 'binary') {
    throw new RangeError(
      "a network of precision 'float' is not packed: its weights are no bits. The checkpoint of its run holds them",
    );
  }
  return tidy(() => {
    const tensors = new Map<string, Tensor<DType>>();
    const { stem, units, classifier, options } = model;
    tensors.set('stem.weight', stem.conv.weight);
    addChannelTensors(tensors, 'stem', stem);
    units.forEach((unit, index) => {
      for (const segment of unit.segments) {
        const { outChannels } = segment.plan;
        const prefix = segmentPrefix(index, segment.plan);
        // All weights of a filter in one row: a group's few channels would leave most of a word unused.
        const { signs, scale } = binarizeWeights(reshape(segment.conv.weight, [outChannels, -1]));
        tensors.set(`${prefix}.signs`, tensor(signs.words, { shape: [outChannels, wordsPerRow(signs.rowLength)] }));
        tensors.set(`${prefix}.alpha`, scale);
        addChannelTensors(tensors, prefix, segment);
      }
    });
    tensors.set('classifier.weight', classifier.weight);
    if (classifier.bias) tensors.set('classifier.bias', classifier.bias);
    return encodeSafetensors(tensors, packedMetadata({ options, ...info }));
  });
}

function addChannelTensors(
  tensors: Map<string, Tensor<DType>>,
  prefix: string,
  { activation, norm }: { activation: PReLU | ReLU; norm: BatchNorm2d },
): void {
  if (activation instanceof PReLU) tensors.set(`${prefix}.slope`, activation.slope);
  const { gamma, beta, runningMean, runningVariance, epsilon } = norm;
  const { scale, shift } = foldBatchNorm({ gamma, beta, mean: runningMean, variance: runningVariance, epsilon });
  tensors.set(`${prefix}.scale`, scale);
  tensors.set(`${prefix}.shift`, shift);
}
