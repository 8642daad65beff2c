import {
  bitConv2dAttributes,
  type Conv2dOptions,
  conv2dFilterGradient,
  conv2dInputGradient,
  type Shape,
  type Tensor,
} from '@mobinet/tensor';
import { compareWithTorch } from './compare.test.helper.js';

compareWithTorch('convolutions', {
  conv2dInputGradient: (dy: Tensor, filter: Tensor, xShape: Shape, options: Conv2dOptions) =>
    conv2dInputGradient(dy, filter, xShape, bitConv2dAttributes('example', xShape, filter.shape, options)),
  conv2dFilterGradient: (dy: Tensor, x: Tensor, filterShape: Shape, options: Conv2dOptions) =>
    conv2dFilterGradient(dy, x, filterShape, bitConv2dAttributes('example', x.shape, filterShape, options)),
});
