/** What docs/operations.md says about a function, beyond what its op knows. */
export interface OperationNote {
  /** The ops that it calls, for a function that is not an op itself. */
  readonly madeOf?: readonly string[];
  /** What may surprise people who know PyTorch and NumPy: names, orders, defaults and values that differ. */
  readonly differs?: string;
}

/** Functions that convert their operands, or only look at shapes. */
const view: OperationNote = { madeOf: [] };

export const operationNotes: Readonly<Record<string, OperationNote>> = {
  add: { differs: 'dtypes must be equal, and integers wrap around: see semantics.md, as for all arithmetic' },
  affine: { differs: 'x · scale + shift for each channel, the last axis' },
  argMax: { differs: 'axis −1 by default, where NumPy and PyTorch flatten; the first of equals' },
  argMin: { differs: 'as `argMax`' },
  avgPool2d: { differs: 'NHWC; padding is not counted (`count_include_pad=False`)' },
  batchNorm: {
    differs: 'channels last; returns output, mean and variance; the variance is biased, also for running statistics',
  },
  batchNormEval: { madeOf: ['affine'], differs: 'channels last' },
  bitConv2d: { differs: 'a convolution of signs, not in PyTorch' },
  bitConv2dFilterGradient: { differs: 'not in PyTorch' },
  bitConv2dInputGradient: { differs: 'not in PyTorch' },
  bitMatmul: { differs: 'a matrix product of signs, not in PyTorch' },
  broadcastTo: { differs: 'a copy, not a view' },
  cast: { differs: '`to`, `astype`; integers keep their low bits, NaN becomes 0' },
  concat: { differs: '`cat`, `concatenate`; dtypes must be equal' },
  conv2d: { differs: 'images NHWC, filters OHWI; `padding: "same"` as in TensorFlow, also for strides' },
  conv2dFilterGradient: { differs: 'OHWI' },
  conv2dInputGradient: { differs: 'NHWC' },
  div: { differs: 'integers: truncated, and 0 for a divisor of 0' },
  equal: { differs: '`eq`; the result is u8, as of all comparisons' },
  foldBatchNorm: {
    madeOf: ['add', 'sqrt', 'div', 'mul', 'sub'],
    differs: 'the factor and the shift of `batchNormEval`',
  },
  gather: { differs: '`index_select`, `take` along an axis; indices are i32' },
  greater: { differs: '`gt`; u8' },
  greaterEqual: { differs: '`ge`; u8' },
  leakyRelu: {},
  less: { differs: '`lt`; u8' },
  lessEqual: { differs: '`le`; u8' },
  matmul: { differs: 'at least two axes; `transposeA` and `transposeB` take the place of views' },
  max: { differs: '`amax`: equal elements share the gradient' },
  maximum: {},
  maxPool2d: { differs: 'NHWC; padding is ignored' },
  mean: { differs: 'f32 for integers, too' },
  min: { differs: '`amin`, as `max`' },
  minimum: {},
  minPool2d: { differs: 'not in PyTorch: −maxPool2d(−x)' },
  notEqual: { differs: '`ne`; u8' },
  packBits: { differs: 'not in PyTorch: signs as bits' },
  pow: { differs: 'integers to negative powers give 0 or ±1' },
  prelu: { differs: 'channels last' },
  reshape: { ...view, differs: 'always a view, since tensors are always contiguous' },
  scatterAdd: { differs: '`index_add` to zeros' },
  sign: { differs: '+1 for 0 and NaN, since binary networks have no sign 0' },
  slice: { differs: 'starts and ends of all axes, no steps; a copy' },
  softmax: { differs: 'the last axis by default' },
  logSoftmax: { differs: 'the last axis by default' },
  squeeze: view,
  stack: { madeOf: ['concat'] },
  sub: {},
  sum: { differs: 'i32 for u8 and i16, which PyTorch and NumPy sum in 64 bits' },
  sumTo: { madeOf: ['sum'], differs: '`sum_to_size`' },
  transpose: { differs: "NumPy's; PyTorch's `permute`; a copy" },
  unpackBits: { differs: 'not in PyTorch' },
  unsqueeze: { ...view, differs: "NumPy's `expand_dims`" },
  variance: { differs: 'divides by n as in NumPy; PyTorch by n − 1 (`correction: 1`)' },
  where: { differs: 'the condition is u8' },
  crossEntropy: { differs: 'labels are i32' },
  distillationLoss: { madeOf: ['softmax', 'logSoftmax', 'sub', 'mul', 'sum'], differs: 'not in PyTorch' },
  mse: { madeOf: ['sub', 'square', 'mean'], differs: '`mse_loss`' },
};
