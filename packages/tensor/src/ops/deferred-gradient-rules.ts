import { sizeOf } from '../shape.js';
import { bitConv2dOp } from './bits/bit-conv2d.js';
import { bitConv2dFilterGradient, bitConv2dInputGradient } from './bits/bit-conv2d-gradients.js';
import { conv2dOp } from './conv2d/conv2d.js';
import { conv2dFilterGradient, conv2dInputGradient } from './conv2d/conv2d-gradients.js';
import { mul } from './elementwise/binary.js';
import { preluOp } from './elementwise/prelu.js';
import { preluGradients } from './elementwise/prelu-gradient.js';
import { avgPool2dOp } from './pool/average.js';
import { avgPool2dInputGradient } from './pool/average-gradient.js';
import { maxPool2dOp, minPool2dOp } from './pool/extreme.js';
import { concatOp, startsAlong } from './shape/concat.js';
import { scatterAdd } from './shape/gather.js';
import { reshape } from './shape/reshape.js';
import { slice } from './shape/slice.js';

// Gradient rules of the operations of packed networks. They live in a file of their own, imported by `withRecorder`:
// their kernels would make up a large part of a bundle that only runs networks.

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

avgPool2dOp.gradient = (dy, { attributes: { window }, inputShapes: [shape] }) => [
  () => avgPool2dInputGradient(dy, shape, window),
];

for (const op of [maxPool2dOp, minPool2dOp]) {
  op.saves = (_, [, winners]) => [winners];
  op.gradient = (dy, { saved: [winners], inputShapes: [shape] }) => [
    () => {
      const flat = [dy.size];
      return reshape(scatterAdd(reshape(dy, flat), reshape(winners, flat), sizeOf(shape)), shape);
    },
  ];
}

preluOp.saves = (inputs) => inputs;
preluOp.gradient = (dy, { saved: [x, slope] }) => preluGradients(dy, x, slope);

concatOp.gradient = (dy, { attributes: { axis }, inputShapes }) => {
  const starts = startsAlong(axis, inputShapes);
  const whole = dy.shape.map(() => 0);
  return inputShapes.map(
    (shape, index) => () =>
      slice(dy, whole.with(axis, starts[index]), [...dy.shape].with(axis, starts[index] + shape[axis])),
  );
};
