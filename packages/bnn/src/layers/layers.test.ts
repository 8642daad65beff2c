import { fc, test } from '@fast-check/vitest';
import { gradient } from '@mobinet/autograd';
import { type Pair, Rng, ShapeError, sum, type Tensor, zeros } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { binaryConv2d } from '../binary-conv2d.js';
import { BinaryConv2d } from './binary-conv2d.js';
import { BinaryLinear } from './binary-linear.js';

const rng = Rng.fromSeed(12);
const sign = (value: number) => (value < 0 ? -1 : 1);

describe('BinaryConv2d', () => {
  test.each<[kernel: Pair, stride: Pair, groups: number, output: number[]]>([
    [3, 1, 1, [2, 5, 7, 12]],
    [1, 1, 1, [2, 5, 7, 12]],
    [3, 2, 2, [2, 3, 4, 12]],
    [[1, 3], [1, 2], 6, [2, 5, 4, 12]],
  ])('with kernel %j, stride %j and %d groups has outputs of ⌈size / stride⌉', (kernel, stride, groups, output) => {
    const layer = new BinaryConv2d(6, 12, { kernel, stride, groups, rng });
    const x = rng.normal([2, 5, 7, 6]);
    const y = layer.forward(x);
    const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
    expect(layer.weight.shape).toEqual([12, height, width, 6 / groups]);
    expect(y.shape).toEqual(output);
    expect([...y.values]).toEqual([...binaryConv2d(x, layer.weight, { padding: 'same', stride, groups }).values]);
  });

  test('has one parameter, which is binary', () => {
    const layer = new BinaryConv2d(4, 4, { rng });
    // A second layer made with the same generator starts with different weights.
    expect([...new BinaryConv2d(4, 4, { rng }).weight.values]).not.toEqual([...layer.weight.values]);
    expect([...layer.parameters().keys()]).toEqual(['weight']);
    expect(layer.weight.binary).toBe(true);
    expect(layer.state().size).toBe(0);
    const gradients = gradient((layer: BinaryConv2d) => sum(layer.forward(zeros([1, 3, 3, 4]))))(layer);
    expect(Object.keys(gradients)).toEqual(['weight']);
  });

  test('passes its options to binaryConv2d', () => {
    const x = rng.normal([1, 3, 3, 4]);
    const options = { paddingValue: 'zero', estimator: 'identity', scalingGradient: 'detached', padding: 0 } as const;
    const layer = new BinaryConv2d(4, 2, { ...options, rng });
    expect([...layer.forward(x).values]).toEqual([...binaryConv2d(x, layer.weight, options).values]);
    const [found, expected] = [layer.forward.bind(layer), (x: Tensor) => binaryConv2d(x, layer.weight, options)].map(
      (forward) => [...gradient((x: Tensor) => sum(forward(x)))(x).values],
    );
    expect(found).toEqual(expected);
  });

  test('reports groups and channels that do not fit', () => {
    expect(() => new BinaryConv2d(6, 8, { groups: 4, rng })).toThrow(
      'BinaryConv2d: 4 groups do not divide 6 and 8 channels',
    );
    expect(() => new BinaryConv2d(8, 6, { groups: 4, rng })).toThrow(ShapeError);
    const layer = new BinaryConv2d(6, 8, { rng }).label();
    expect(() => layer.forward(zeros([1, 4, 4, 5]))).toThrow(
      /^binaryConv2d: x has 5 channels, filter expects 6\n[\s\S]*\[8, 3, 3, 6\]\s+weight/,
    );
  });
});

describe('BinaryLinear', () => {
  test.prop([
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom(1, 7, 31, 32, 33, 64, 65),
    fc.integer({ min: 1, max: 5 }),
    fc.nat(),
  ])('is α · sign(x)·sign(W)ᵀ', (batch, inputs, outputs, seed) => {
    const random = Rng.fromSeed(seed);
    const layer = new BinaryLinear(inputs, outputs, { rng: random });
    const x = random.normal([batch, inputs]);
    const y = layer.forward(x);
    expect(y.shape).toEqual([batch, outputs]);
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < outputs; o++) {
        const weights = layer.weight.values.subarray(o * inputs, (o + 1) * inputs);
        const alpha = weights.reduce((sum, w) => sum + Math.abs(w), 0) / inputs;
        const count = weights.reduce((sum, w, i) => sum + sign(w) * sign(x.values[n * inputs + i]), 0);
        expect(y.values[n * outputs + o]).toBeCloseTo(alpha * count, 5);
      }
    }
  });

  test('has one parameter, which is binary, and a gradient of its shape', () => {
    const layer = new BinaryLinear(5, 3, { rng });
    expect([...layer.parameters().keys()]).toEqual(['weight']);
    expect(layer.weight.binary).toBe(true);
    const { weight } = gradient((layer: BinaryLinear) => sum(layer.forward(rng.normal([2, 5]))))(layer);
    expect(weight.shape).toEqual([3, 5]);
  });

  test('reports inputs that do not fit, even if their size would', () => {
    const layer = new BinaryLinear(4, 3, { rng }).label();
    for (const shape of [[2, 8], [4], [2, 2, 4], [2, 5]]) {
      expect(() => layer.forward(zeros(shape))).toThrow(
        /^BinaryLinear: x must be \[batch, 4\]\n[\s\S]*\[3, 4\]\s+weight/,
      );
    }
  });
});
