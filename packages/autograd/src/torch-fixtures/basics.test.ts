import { concat, stack, type Tensor } from '@mobinet/tensor';
import { compareWithTorch } from './compare.test.helper.js';

compareWithTorch('basics', {
  // A case has its tensors one by one.
  'concat, of three': (a: Tensor, b: Tensor, c: Tensor, axis: number) => concat([a, b, c], axis),
  'stack, of three': (a: Tensor, b: Tensor, c: Tensor, axis: number) => stack([a, b, c], axis),
});
