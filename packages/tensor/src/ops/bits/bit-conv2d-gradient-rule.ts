import { mul } from '../elementwise/binary.js';
import { bitConv2dOp } from './bit-conv2d.js';
import { bitConv2dFilterGradient, bitConv2dInputGradient } from './bit-conv2d-gradients.js';

// This rule has a file of its own, which `withRecorder` imports, since its kernels would be a tenth of a bundle that only runs networks.

bitConv2dOp.saves = (inputs) => inputs;

bitConv2dOp.gradient = (dy, { saved: [x, filter], attributes }) => {
  // Where d = (signs − y)/2 is the output, y has −½ of its gradient.
  const byProducts = () => (attributes.dtype === 'u8' ? mul(dy, -0.5) : dy);
  return [
    () => bitConv2dInputGradient(byProducts(), filter, x.shape, attributes),
    () => bitConv2dFilterGradient(byProducts(), x, filter.shape, attributes),
  ];
};
