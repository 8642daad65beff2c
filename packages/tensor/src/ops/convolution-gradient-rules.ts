import { bitConv2dOp } from './bits/bit-conv2d.js';
import { bitConv2dFilterGradient, bitConv2dInputGradient } from './bits/bit-conv2d-gradients.js';
import { conv2dOp } from './conv2d/conv2d.js';
import { conv2dFilterGradient, conv2dInputGradient } from './conv2d/conv2d-gradients.js';
import { mul } from './elementwise/binary.js';

// These rules have a file of their own, which `withRecorder` imports, since their kernels would be a large part of a bundle that only runs
// networks.

conv2dOp.saves = (inputs) => inputs;
bitConv2dOp.saves = (inputs) => inputs;

conv2dOp.gradient = (dy, { saved: [x, filter], attributes }) => [
  () => conv2dInputGradient(dy, filter, x.shape, attributes),
  () => conv2dFilterGradient(dy, x, filter.shape, attributes),
];

bitConv2dOp.gradient = (dy, { saved: [x, filter], attributes }) => {
  // Where d = (signs − y)/2 is the output, y has −½ of its gradient.
  const byProducts = () => (attributes.dtype === 'u8' ? mul(dy, -0.5) : dy);
  return [
    () => bitConv2dInputGradient(byProducts(), filter, x.shape, attributes),
    () => bitConv2dFilterGradient(byProducts(), x, filter.shape, attributes),
  ];
};
