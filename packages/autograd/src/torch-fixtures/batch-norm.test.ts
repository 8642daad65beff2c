import { type BatchNormOptions, batchNorm, batchNormEval, foldBatchNorm, type Tensor } from '@mobinet/tensor';
import { compareWithTorch } from './compare.test.helper.js';

const batchNormPart =
  (part: 'output' | 'mean' | 'variance') =>
  (x: Tensor, gamma: Tensor, beta: Tensor, options?: BatchNormOptions): Tensor =>
    batchNorm(x, gamma, beta, options)[part];

const foldedPart =
  (part: 'scale' | 'shift') =>
  (gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor): Tensor =>
    foldBatchNorm({ gamma, beta, mean, variance })[part];

compareWithTorch('batch-norm', {
  'batchNorm, output': batchNormPart('output'),
  'batchNorm, mean': batchNormPart('mean'),
  'batchNorm, variance': batchNormPart('variance'),
  batchNormEval: (
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    variance: Tensor,
    options: BatchNormOptions = {},
  ) => batchNormEval(x, { gamma, beta, mean, variance, ...options }),
  'foldBatchNorm, scale': foldedPart('scale'),
  'foldBatchNorm, shift': foldedPart('shift'),
});
