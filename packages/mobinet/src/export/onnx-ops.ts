import type { FoldedOutputTransformAttributes } from '@mobinet/bnn/kernels';
import { type BitConv2dAttributes, reshape, slice, type Tensor } from '@mobinet/tensor/functions';
import type { Reduction, Window } from '@mobinet/tensor/kernels';
import { type Emitter, type OnnxCall, windowAttributes } from './onnx-writer.js';

/** How each op is written as ONNX nodes, by its name. Exporting any other op is an error. */
export const onnxEmitters: Readonly<Record<string, Emitter>> = {
  conv2d({ writer, call, layer }) {
    const { window, groups } = call.attributes as { window: Window; groups: number };
    const [x, weight] = call.inputs;
    const inputs = [writer.value(x), writer.value(weight, `${layer}.weight`)];
    return writer.node('Conv', `${layer}.conv`, inputs, { group: groups, ...windowAttributes(window) });
  },

  /** −1 where x < 0, else +1, also for 0 and NaN. (ONNX's Sign maps 0 to 0.) */
  packBits({ writer, call, layer }) {
    const { graph } = writer;
    const isNegative = writer.node('Less', `${layer}.negative`, [
      writer.value(call.inputs[0]),
      graph.filled('zero', [], 0),
    ]);
    const signs = [graph.filled('minus_one', [], -1), graph.filled('one', [], 1)];
    return writer.node('Where', `${layer}.sign`, [isNegative, ...signs]);
  },

  /** Nothing to do: signs are floats in ONNX. */
  unpackBits: ({ writer, call }) => writer.value(call.inputs[0]),

  /** Sums of ±1 are exact integers, so every runtime computes the same counts, in whatever order it adds. */
  bitConv2d({ writer, call, layer }) {
    const { window, groups, paddingValue } = call.attributes as BitConv2dAttributes;
    const { pads, ...slide } = windowAttributes(window);
    const filter = writer.value(call.inputs[1], `${layer}.signs`);
    let x = writer.value(call.inputs[0]);
    const padsWithOnes = paddingValue === 'one' && pads.some((pixels) => pixels > 0);
    if (padsWithOnes) {
      const [top, left, bottom, right] = pads;
      const border = writer.graph.integers(`border.${pads.join('.')}`, [0, 0, top, left, 0, 0, bottom, right]);
      x = writer.node('Pad', `${layer}.border`, [x, border, writer.graph.filled('one', [], 1)]);
    }
    const attributes = { group: groups, ...slide, pads: padsWithOnes ? [0, 0, 0, 0] : pads };
    return writer.node('Conv', `${layer}.conv`, [x, filter], attributes);
  },

  /** α must be the first operand: onnxruntime folds a second operand into the weights, and sums of ±α are not exact. */
  scaleCounts: ({ writer, call, layer }) =>
    writer.node('Mul', `${layer}.scaled`, [
      writer.channelVector(call.inputs[1], 4, `${layer}.alpha`),
      writer.value(call.inputs[0]),
    ]),

  /** Multiplies and adds in the same order as the kernels, so that signs agree. */
  foldedOutputTransform({ writer, call, layer }) {
    const { skipRepeats, pool } = call.attributes as FoldedOutputTransformAttributes;
    const [counts, folded, skipped] = call.inputs;
    const rows = writer.constant(folded) as Tensor;
    const [positive, negative, shift] = ['positive', 'negative', 'shift'].map((name, at) => {
      const row = reshape(slice(rows, [at], [at + 1]), [-1]);
      return writer.graph.tensor(writer.unique(`${layer}.${name}`), row, [row.size, 1, 1]);
    });
    const isNegative = writer.node('Less', `${layer}.below`, [
      writer.value(counts),
      writer.graph.filled('zero', [], 0),
    ]);
    const slopes = writer.node('Where', `${layer}.slopes`, [isNegative, negative, positive]);
    const sloped = writer.node('Mul', `${layer}.sloped`, [slopes, writer.value(counts)]);
    let offset = shift;
    if (skipRepeats > 0) {
      const copies = new Array<string>(skipRepeats).fill(writer.value(skipped));
      const skip = skipRepeats === 1 ? copies[0] : writer.node('Concat', `${layer}.repeated`, copies, { axis: 1 });
      offset = writer.node('Add', `${layer}.shifted`, [shift, skip]);
    }
    const y = writer.node('Add', `${layer}.output`, [sloped, offset]);
    const halves = { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };
    return pool ? pooled({ writer, layer }, pool, y, halves) : y;
  },

  affine({ writer, call, layer }) {
    const [x, scale, shift] = call.inputs;
    const rank = writer.shape(x).length;
    const scaled = writer.node('Mul', `${layer}.scaled`, [
      writer.value(x),
      writer.channelVector(scale, rank, `${layer}.scale`),
    ]);
    return writer.node('Add', `${layer}.norm`, [scaled, writer.channelVector(shift, rank, `${layer}.shift`)]);
  },

  prelu({ writer, call, layer }) {
    const [x, slope] = call.inputs;
    const slopes = writer.channelVector(slope, writer.shape(x).length, `${layer}.slope`);
    return writer.node('PRelu', `${layer}.activation`, [writer.value(x), slopes]);
  },

  avgPool2d: (call) => pool(call, 'average'),
  maxPool2d: (call) => pool(call, 'max'),
  minPool2d: (call) => pool(call, 'min'),

  mean({ writer, call, layer }) {
    const { axes } = call.attributes as Reduction;
    const [x] = call.inputs;
    const { length: rank } = writer.shape(x);
    const keepdims = Number(writer.shape(call.outputs[0]).length === rank);
    return writer.node('ReduceMean', `${layer}.mean`, [writer.value(x)], {
      axes: axes.map((axis) => imageAxis(axis, rank)),
      keepdims,
    });
  },

  matmul({ writer, call, layer }) {
    const { transposeA, transposeB } = call.attributes as { transposeA: boolean; transposeB: boolean };
    const inputs = call.inputs.map((input) => writer.value(input, `${layer}.weight`));
    const attributes = { transA: Number(transposeA), transB: Number(transposeB) };
    return writer.node('Gemm', `${layer}.product`, inputs, attributes);
  },

  concat({ writer, call, layer }) {
    const { axis } = call.attributes as { axis: number };
    const rank = writer.shape(call.inputs[0]).length;
    const inputs = call.inputs.map((input) => writer.value(input));
    return writer.node('Concat', `${layer}.concat`, inputs, { axis: imageAxis(axis, rank) });
  },

  ...elementwise({
    relu: 'Relu',
    neg: 'Neg',
    abs: 'Abs',
    exp: 'Exp',
    log: 'Log',
    sqrt: 'Sqrt',
    sigmoid: 'Sigmoid',
    tanh: 'Tanh',
  }),
  ...elementwise({ add: 'Add', sub: 'Sub', mul: 'Mul', div: 'Div', maximum: 'Max', minimum: 'Min', pow: 'Pow' }),
};

/**
 * Element-wise ops, each of which is one ONNX operator. A vector operand of images is broadcast along their channels.
 */
function elementwise(operators: Readonly<Record<string, string>>): Record<string, Emitter> {
  const emit =
    (operator: string): Emitter =>
    ({ writer, call, layer }) => {
      const rank = writer.shape(call.outputs[0]).length;
      const inputs = call.inputs.map((input) =>
        writer.shape(input).length === 1 && rank === 4
          ? writer.channelVector(input, rank, `${layer}.${call.op.name}.operand`)
          : writer.value(input, `${layer}.${call.op.name}.operand`),
      );
      return writer.node(operator, `${layer}.${call.op.name}`, inputs);
    };
  return Object.fromEntries(Object.entries(operators).map(([op, operator]) => [op, emit(operator)]));
}

function pool({ writer, call, layer }: OnnxCall, kind: 'average' | 'max' | 'min'): string {
  const { window } = call.attributes as { window: Window };
  const { strides, pads } = windowAttributes(window);
  const kernel_shape = [window.height.taps, window.width.taps];
  return pooled({ writer, layer }, kind, writer.value(call.inputs[0]), { kernel_shape, strides, pads });
}

function pooled(
  { writer, layer }: Pick<OnnxCall, 'writer' | 'layer'>,
  kind: 'average' | 'max' | 'min',
  x: string,
  attributes: Record<string, number[]>,
): string {
  const name = `${layer}.pool`;
  if (kind === 'average') return writer.node('AveragePool', name, [x], attributes);
  if (kind === 'max') return writer.node('MaxPool', name, [x], attributes);
  // min(x) = −max(−x), since there is no MinPool.
  const negated = writer.node('Neg', `${name}.negated`, [x]);
  return writer.node('Neg', name, [writer.node('MaxPool', `${name}.max`, [negated], attributes)]);
}

/** The ONNX axis that corresponds to an axis of a tensor of the given rank: NHWC becomes NCHW. */
function imageAxis(axis: number, rank: number): number {
  return rank === 4 ? [0, 2, 3, 1][axis] : axis;
}
