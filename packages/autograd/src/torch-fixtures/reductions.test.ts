import { norm, type ReduceOptions, type Tensor } from '@mobinet/tensor';
import { compareWithTorch } from './compare.test.helper.js';

compareWithTorch('reductions', {
  // JSON has no infinity.
  'norm, infinite': (x: Tensor, options?: ReduceOptions) => norm(x, { ...options, p: Number.POSITIVE_INFINITY }),
});
