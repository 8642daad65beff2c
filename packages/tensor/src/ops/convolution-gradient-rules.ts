import { bitConv2dOp } from './bits/bit-conv2d.js';
import { bitConv2dFilterGradient, bitConv2dInputGradient } from './bits/bit-conv2d-gradients.js';
import { conv2dOp } from './conv2d/conv2d.js';
import { conv2dFilterGradient, conv2dInputGradient } from './conv2d/conv2d-gradients.js';
import { mul } from './elementwise/binary.js';

// These rules live in a file of their own, imported by `withRecorder`: their kernels would make up a large part of a
// bundle that only runs networks.

conv2dOp.saves = (inputs) => inputs;
bitConv2dOp.saves = (inputs) => inputs;

conv2dOp.gradient = (dy, { saved: [x, filter], attributes }) => [
  () => conv2dInputGradient(dy, filter, x.shape, attributes),
  () => conv2dFilterGradient(dy, x, filter.shape, attributes),
];

bitConv2dOp.gradient = (dy, { saved: [x, filter], attributes }) => {
  // A u8 output holds differences d = (signs − y)/2 instead of the products y, so ∂L/∂y = −½ ∂L/∂d.
  const productGradient = () => (attributes.dtype === 'u8' ? mul(dy, -0.5) : dy);
  return [
    () => bitConv2dInputGradient(productGradient(), filter, x.shape, attributes),
    () => bitConv2dFilterGradient(productGradient(), x, filter.shape, attributes),
  ];
};
