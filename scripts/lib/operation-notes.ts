import { binaryCrossEntropyWithLogits, distillationLoss, huber, klDivergence, l1, mse } from '@mobinet/autograd';
import * as t from '@mobinet/tensor';

/** What docs/operations.md says about a function, beyond what its op knows. */
export interface OperationNote {
  /**
   * For a function that is not an op itself: a call of it on a tensor [2, 2], to find out which ops it calls, which
   * dtypes it takes, and whether it can be differentiated.
   */
  readonly call?: (x: t.Tensor) => t.AnyTensor;
  /** What may surprise people who know PyTorch and NumPy: names, orders, defaults and values that differ. */
  readonly differs?: string;
}

/** The tensor as a vector. */
const flat = (x: t.Tensor): t.Tensor => t.reshape(x, [4]);

const ofBatchNorm = (x: t.Tensor): Parameters<typeof t.foldBatchNorm>[0] => {
  const row = t.sum(x, { axes: 0 });
  return { gamma: row, beta: row, mean: row, variance: row, epsilon: 1 };
};

export const operationNotes: Readonly<Record<string, OperationNote>> = {
  add: { differs: 'dtypes must be equal, and integers wrap around: see semantics.md, as for all arithmetic' },
  affine: { differs: 'x · scale + shift for each channel, the last axis' },
  all: { call: (x) => t.all(x), differs: 'u8; NaN is true' },
  any: { call: (x) => t.any(x), differs: 'u8; NaN is true' },
  argMax: { differs: 'axis −1 by default, where NumPy and PyTorch flatten; the first of equals' },
  argMin: { differs: 'as `argMax`' },
  argsort: { differs: 'stable; i32; NaN is last, or first if descending' },
  avgPool2d: { differs: 'NHWC; padding is not counted (`count_include_pad=False`)' },
  batchNorm: {
    differs: 'channels last; returns output, mean and variance; the variance is biased, also for running statistics',
  },
  batchNormEval: {
    call: (x) => t.batchNormEval(x, ofBatchNorm(x)),
    differs: 'channels last',
  },
  binaryCrossEntropyWithLogits: {
    call: (x) => binaryCrossEntropyWithLogits(x, x),
    differs: '`pos_weight` is `positiveWeight`',
  },
  bitConv2d: { differs: 'a convolution of signs, not in PyTorch' },
  bitConv2dFilterGradient: { differs: 'not in PyTorch' },
  bitConv2dInputGradient: { differs: 'not in PyTorch' },
  bitMatmul: { differs: 'a matrix product of signs, not in PyTorch' },
  broadcastTo: { differs: 'a copy, not a view' },
  cast: { differs: '`to`, `astype`; integers keep their low bits, NaN becomes 0' },
  clamp: { call: (x) => t.clamp(x, 0, 1), differs: '`clip`' },
  clip: { differs: 'a minimum above the maximum is an error; no gradient at a bound' },
  concat: { differs: '`cat`, `concatenate`; dtypes must be equal' },
  conv1d: {
    call: (x) => t.conv1d(t.reshape(x, [1, 2, 2]), t.reshape(x, [1, 2, 2])),
    differs: '[batch, length, channels], filters [filters, taps, channels]',
  },
  conv2d: { differs: 'images NHWC, filters OHWI; `padding: "same"` as in TensorFlow, also for strides' },
  conv2dFilterGradient: { differs: 'OHWI' },
  conv2dInputGradient: { differs: 'NHWC' },
  convTranspose2d: {
    call: (x) => t.convTranspose2d(t.reshape(x, [1, 2, 2, 1]), t.reshape(x, [1, 2, 2, 1])),
    differs: "NHWC; filters are PyTorch's, transposed by [0, 2, 3, 1]",
  },
  crossEntropy: {
    differs: 'classes last; labels are i32, or soft targets f32; no label is ignored by default (PyTorch: −100)',
  },
  cumprod: { differs: 'the last axis by default; i32 for u8 and i16' },
  cumsum: { differs: 'the last axis by default; i32 for u8 and i16' },
  diag: {
    call: (x) => t.diag(t.diag(x)),
    differs: 'a whole matrix or vector, no batches; the option is `offset`',
  },
  distillationLoss: { call: (x) => distillationLoss(x, x), differs: 'not in PyTorch' },
  div: { differs: 'integers: truncated, and 0 for a divisor of 0' },
  dot: { call: (x) => t.dot(flat(x), flat(x)), differs: 'vectors only' },
  dropout: { differs: 'takes its `rng`, and always drops: the layer `Dropout` knows whether it is in training' },
  einsum: {
    call: (x) => t.einsum('ij,jk->ik', x, x),
    differs: 'f32 only; pairs from left to right; a `...` that the result lacks is summed, as in PyTorch',
  },
  elu: { differs: '`alpha` is an option' },
  embedding: { call: (x) => t.embedding(x, t.zeros([3], 'i32')), differs: 'an index out of range is an error' },
  equal: { differs: '`eq`; the result is u8, as of all comparisons' },
  expand: { call: (x) => t.expand(x, [3, -1, -1]), differs: 'a copy, not a view' },
  flip: { differs: 'all axes by default, as in NumPy' },
  foldBatchNorm: {
    call: (x) => t.foldBatchNorm(ofBatchNorm(x)).scale,
    differs: 'the factor and the shift of `batchNormEval`',
  },
  gather: { differs: '`index_select`, `take` along an axis; indices are i32' },
  gelu: { differs: '`approximate` is an option' },
  greater: { differs: '`gt`; u8' },
  greaterEqual: { differs: '`ge`; u8' },
  groupNorm: { differs: 'channels last' },
  hardSwish: { differs: '`hardswish`' },
  huber: { call: (x) => huber(x, x), differs: '`huber_loss`; shapes do not broadcast' },
  interpolate: { differs: 'NHWC; `nearest` and `bilinear`; NaN does not spread to where its weight is 0' },
  isFinite: { differs: 'u8' },
  isNaN: { differs: 'u8' },
  klDivergence: {
    call: (x) => klDivergence(x, x),
    differs: '`kl_div`: log q, then p; `mean` is over rows (`batchmean`)',
  },
  l1: { call: (x) => l1(x, x), differs: '`l1_loss`; shapes do not broadcast' },
  layerNorm: { differs: 'the last axis' },
  leakyRelu: {},
  less: { differs: '`lt`; u8' },
  lessEqual: { differs: '`le`; u8' },
  logicalAnd: { differs: 'u8; dtypes must be equal; NaN is true' },
  logicalNot: { differs: 'u8; NaN is true' },
  logicalOr: { differs: 'as `logicalAnd`' },
  logicalXor: { differs: 'as `logicalAnd`' },
  logSoftmax: { differs: 'the last axis by default' },
  logSumExp: { differs: 'no gradient to −∞, also in rows of nothing else (PyTorch: NaN)' },
  matmul: { differs: 'at least two axes; `transposeA` and `transposeB` take the place of views' },
  max: { differs: '`amax`: equal elements share the gradient' },
  maximum: {},
  maxPool2d: { differs: 'NHWC; padding is ignored; `ceil_mode` is `ceilMode`, as in all pools' },
  mean: { differs: 'f32 for integers, too' },
  min: { differs: '`amin`, as `max`' },
  minimum: {},
  minPool2d: { differs: 'not in PyTorch: −maxPool2d(−x)' },
  mod: { differs: '`remainder`; 0 for integers and a divisor of 0' },
  mse: { call: (x) => mse(x, x), differs: '`mse_loss`; shapes do not broadcast' },
  norm: { differs: 'all axes as one vector by default (`vector_norm`); scaled, so nothing overflows' },
  notEqual: { differs: '`ne`; u8' },
  outer: { call: (x) => t.outer(flat(x), flat(x)), differs: 'vectors only' },
  packBits: { differs: 'not in PyTorch: signs as bits' },
  pad: { differs: 'a pair for each axis, as in NumPy, whose `edge` is `replicate`' },
  pow: { differs: 'integers to negative powers give 0 or ±1' },
  prelu: { differs: 'channels last' },
  prod: { differs: 'i32 for u8 and i16' },
  repeat: { call: (x) => t.repeat(x, 2, 0), differs: "NumPy's; PyTorch's `repeat_interleave`" },
  reshape: { call: flat, differs: 'always a view, since tensors are always contiguous' },
  roll: { call: (x) => t.roll(x, 1, 0) },
  round: { differs: 'halves to the nearest even number, as in both; no number of decimals' },
  scatterAdd: { differs: '`index_add` to zeros' },
  sign: { differs: '+1 for 0 and NaN, since binary networks have no sign 0' },
  slice: { differs: 'starts and ends of all axes, no steps; a copy' },
  softmax: { differs: 'the last axis by default' },
  softplus: { differs: '`beta` and `threshold` are options' },
  sort: {
    call: (x) => t.sort(x),
    differs: 'the values alone, as in NumPy; stable; NaN is last, or first if descending',
  },
  split: { call: (x) => t.split(x, 1)[0], differs: "PyTorch's: a number is the size of each part; copies" },
  squeeze: { call: (x) => t.squeeze(x) },
  stack: { call: (x) => t.stack([x, x]) },
  std: { differs: 'divides by n as in NumPy; PyTorch by n − 1 (`correction: 1`)' },
  sub: {},
  sum: { differs: 'i32 for u8 and i16, which PyTorch and NumPy sum in 64 bits' },
  sumTo: { call: (x) => t.sumTo(x, [2]), differs: '`sum_to_size`' },
  tile: { call: (x) => t.tile(x, [2, 1]), differs: "NumPy's; PyTorch's method `repeat`" },
  topK: { call: (x) => t.topK(x, 1).values, differs: 'sorted; the first of equals; NaN is the largest' },
  transpose: { differs: "NumPy's; PyTorch's `permute`; a copy" },
  tril: { call: (x) => t.tril(x), differs: 'the option is `offset`' },
  triu: { call: (x) => t.triu(x), differs: 'the option is `offset`' },
  unique: {
    call: (x) => t.unique(x).values,
    differs: 'flattened; NaN counts once; always with `inverse` and `counts`; not in programs',
  },
  unpackBits: { differs: 'not in PyTorch' },
  unsqueeze: { call: (x) => t.unsqueeze(x, 0), differs: "NumPy's `expand_dims`" },
  variance: { differs: 'divides by n as in NumPy; PyTorch by n − 1 (`correction: 1`)' },
  where: { differs: 'the condition is u8' },
};
