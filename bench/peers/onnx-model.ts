// Models of one operation, in the format of ONNX: protocol buffers, whose fields are written one after the other
// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Only what these models need is here.

type Bytes = number[];

/** An image layer: NCHW input, [outputs, channels / groups, kernel, kernel] weights that belong to the model. */
export interface ConvShape {
  readonly size: number;
  readonly channels: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  readonly groups: number;
}

/** y = conv(x) with a border of zeros that keeps the size. */
export function convModel(shape: ConvShape, weights: Float32Array): Uint8Array {
  const { size, channels, outputs, kernel, stride, groups } = shape;
  const border = kernel >> 1;
  const outSize = Math.floor((size + 2 * border - kernel) / stride) + 1;
  return model({
    operation: 'Conv',
    attributes: [
      integers('kernel_shape', [kernel, kernel]),
      integers('strides', [stride, stride]),
      integers('pads', [border, border, border, border]),
      integer('group', groups),
    ],
    input: [1, channels, size, size],
    weightShape: [outputs, channels / groups, kernel, kernel],
    weights,
    output: [1, outputs, outSize, outSize],
  });
}

/** y [m, n] = x [m, k] · w [k, n] */
export function matMulModel(m: number, n: number, k: number, weights: Float32Array): Uint8Array {
  const shapes = { input: [m, k], weightShape: [k, n], output: [m, n] };
  return model({ operation: 'MatMul', attributes: [], weights, ...shapes });
}

interface Model {
  readonly operation: string;
  readonly attributes: readonly Bytes[];
  readonly input: readonly number[];
  readonly weightShape: readonly number[];
  readonly weights: Float32Array;
  readonly output: readonly number[];
}

function model({ operation, attributes, input, weightShape, weights, output }: Model): Uint8Array {
  const node = [...text(1, 'x'), ...text(1, 'w'), ...text(2, 'y'), ...text(4, operation), ...attributes.flat()];
  const bytes = [...new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength)];
  const initializer = [
    ...weightShape.flatMap((n) => number(1, n)),
    ...number(2, float),
    ...text(8, 'w'),
    ...field(9, bytes),
  ];
  const graph = [
    ...field(1, node),
    ...text(2, 'graph'),
    ...field(5, initializer),
    ...field(11, value('x', input)),
    ...field(12, value('y', output)),
  ];
  const operators = [...text(1, ''), ...number(2, 13)];
  return Uint8Array.from([...number(1, 8), ...field(7, graph), ...field(8, operators)]);
}

/** TensorProto.FLOAT */
const float = 1;

function value(name: string, shape: readonly number[]): Bytes {
  const dimensions = shape.flatMap((size) => field(1, number(1, size)));
  return [...text(1, name), ...field(2, field(1, [...number(1, float), ...field(2, dimensions)]))];
}

const integers = (name: string, values: readonly number[]): Bytes =>
  field(5, [...text(1, name), ...values.flatMap((value) => number(8, value)), ...number(20, 7)]);
const integer = (name: string, value: number): Bytes =>
  field(5, [...text(1, name), ...number(3, value), ...number(20, 2)]);

/** A field of bytes, which may be fields themselves. */
const field = (id: number, bytes: Bytes): Bytes => [...varint((id << 3) | 2), ...varint(bytes.length), ...bytes];
const text = (id: number, value: string): Bytes => field(id, [...Buffer.from(value)]);
const number = (id: number, value: number): Bytes => [...varint(id << 3), ...varint(value)];

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function varint(value: number): Bytes {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}
