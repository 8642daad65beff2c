import { split, type Tensor } from '@mobinet/tensor';
import { compareWithTorch } from './compare.test.helper.js';

compareWithTorch('shapes', {
  split: (x: Tensor, sizes: number | number[], axis: number, part: number) => split(x, sizes, axis)[part],
});
