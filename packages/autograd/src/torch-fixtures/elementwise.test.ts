import { clip, type Tensor } from '@mobinet/tensor';
import { compareWithTorch } from './compare.test.helper.js';

compareWithTorch('elementwise', {
  'clip, between equal bounds': (x: Tensor) => clip(x, 0.5, 0.5),
  'clip, above': (x: Tensor) => clip(x, undefined, 0.25),
});
