import { type Tensor, type TopKOptions, topK, unique } from '@mobinet/tensor';
import { compareWithTorch } from './compare.test.helper.js';

compareWithTorch('sorting', {
  topK: (x: Tensor, k: number, options: TopKOptions) => topK(x, k, options).values,
  'topK, indices': (x: Tensor, k: number, options: TopKOptions) => topK(x, k, options).indices,
  'unique, values': (x: Tensor) => unique(x).values,
  'unique, inverse': (x: Tensor) => unique(x).inverse,
  'unique, counts': (x: Tensor) => unique(x).counts,
});
