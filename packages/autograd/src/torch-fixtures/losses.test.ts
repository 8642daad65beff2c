import { type Tensor, tensor } from '@mobinet/tensor';
import { type CrossEntropyOptions, crossEntropy } from '../losses.js';
import { binaryCrossEntropyWithLogits } from '../probability-losses.js';
import { compareWithTorch } from './compare.test.helper.js';

// Weights are lists in the file, since PyTorch has no gradients with respect to them.
compareWithTorch('losses', {
  'crossEntropy, weighted': (
    x: Tensor,
    target: Tensor,
    options: { weight: number[] } & Omit<CrossEntropyOptions, 'weight'>,
  ) => crossEntropy(x, target, { ...options, weight: tensor(options.weight) }),
  'binaryCrossEntropyWithLogits, weighted': (x: Tensor, target: Tensor, options: { positiveWeight: number[] }) =>
    binaryCrossEntropyWithLogits(x, target, { positiveWeight: tensor(options.positiveWeight) }),
});
