import { fc } from '@fast-check/vitest';
import {
  add,
  affine,
  conv2d,
  maxPool2d,
  mul,
  prelu,
  type Rng,
  relu,
  reshape,
  sameShape,
  type Tensor,
} from '@mobinet/tensor';
import { type BinaryConv2dOptions, binaryConv2d } from './binary-conv2d.js';

export const channels = 16;

interface OpOperands {
  /** The input of the layer, and the filter of the convolution that gives it the shape of the output. */
  readonly x: Tensor;
  readonly projection: Tensor;
  readonly stride: number;
  /** [channels] */
  readonly a: Tensor;
  readonly b: Tensor;
}

/** Ops that may follow a binary convolution. */
const ops = {
  affine: (y, { a, b }) => affine(y, a, b),
  prelu: (y, { a }) => prelu(y, a),
  relu: (y) => relu(y),
  bias: (y, { a }) => add(reshape(a, [1, 1, 1, channels]), y),
  number: (y) => add(y, -1.25),
  factor: (y, { a }) => mul(y, a),
  skip: (y, { x, projection, stride }) => add(y, sameShape(x.shape, y.shape) ? x : conv2d(x, projection, { stride })),
  pool: (y) => maxPool2d(y, { window: 3, stride: 1, padding: 1 }),
} satisfies Record<string, (y: Tensor, operands: OpOperands) => Tensor>;

export type OpName = keyof typeof ops;

export interface TransformLayer {
  readonly conv: BinaryConv2dOptions & { readonly kernel: 1 | 3; readonly stride: 1 | 2; readonly groups: 1 | 4 };
  /** Ops after the convolution. */
  readonly ops: readonly OpName[];
  /** Ops before the signs of its input are taken. */
  readonly signOps: readonly OpName[];
  /** Whether the output of the layer, or the value before its last op, is also a result of the network. */
  readonly read: 'no' | 'output' | 'before';
}

export const transformLayer: fc.Arbitrary<TransformLayer> = fc.record({
  conv: fc.record({
    kernel: fc.constantFrom(1, 3),
    stride: fc.constantFrom(1, 1, 2),
    groups: fc.constantFrom(1, 4),
    dilation: fc.constantFrom(1, 2),
    padding: fc.constant('same'),
    paddingValue: fc.constantFrom('one', 'zero'),
  }),
  ops: fc.array(fc.constantFrom(...(Object.keys(ops) as OpName[])), { maxLength: 7 }),
  signOps: fc.array(fc.constantFrom('bias', 'number', 'affine', 'prelu'), { maxLength: 2 }),
  read: fc.constantFrom('no', 'no', 'no', 'output', 'before'),
});

/** A network of such layers for images of 16 channels. `round` is applied to its weights. */
export function transformNetwork(layers: readonly TransformLayer[], rng: Rng, round = (x: number): number => x) {
  const weights = layers.map(({ conv: { kernel, groups }, ops, signOps }, at) => {
    const draw = (label: string | number, ...shape: number[]): Tensor => {
      const weight = rng.split(at, label).normal(shape);
      for (const [k, value] of weight.values.entries()) weight.values[k] = round(value);
      return weight;
    };
    return {
      filter: draw('filter', channels, kernel, kernel, channels / groups),
      projection: draw('projection', channels, 1, 1, channels),
      vectors: [...signOps, ...ops].map((_, k) => ({ a: draw(2 * k, channels), b: draw(2 * k + 1, channels) })),
    };
  });
  return (images: Tensor): Tensor[] => {
    const read: Tensor[] = [];
    const last = layers.reduce((x, { conv: { kernel, ...options }, signOps, ops: names, ...layer }, at) => {
      const { filter, projection, vectors } = weights[at];
      const applyOp = (y: Tensor, name: OpName, k: number): Tensor =>
        ops[name](y, { x, projection, stride: options.stride, ...vectors[k] });
      const input = signOps.reduce((y, name, k) => applyOp(y, name, k), x);
      let [before, y] = [x, binaryConv2d(input, filter, options)];
      for (const [k, name] of names.entries()) [before, y] = [y, applyOp(y, name, signOps.length + k)];
      if (layer.read === 'output') read.push(y);
      if (layer.read === 'before') read.push(before);
      return y;
    }, images);
    return [...read, last];
  };
}
