import { convTranspose2d, interpolate, ones, Rng, ShapeError, sum, type Tensor, zeros } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { gradient } from '../differentiate.js';
import { ConvTranspose2d } from './conv-transpose2d.js';
import { Conv2d } from './conv2d.js';
import { Sequential } from './sequential.js';
import { Upsample } from './upsample.js';

const rng = Rng.fromSeed(0);

describe('ConvTranspose2d', () => {
  test('is the function with its options, and adds the bias', () => {
    const x = rng.normal([2, 4, 5, 6]);
    const options = { stride: 2, padding: 1, outputPadding: 1, groups: 2 } as const;
    const layer = new ConvTranspose2d(6, 4, { ...options, kernel: [3, 2], rng });
    expect(layer.weight.shape).toEqual([6, 3, 2, 2]);
    layer.bias!.values.set([1, 2, 3, 4]);
    const plain = convTranspose2d(x, layer.weight, options);
    const y = layer.forward(x);
    expect(y.shape).toEqual([2, 8, 9, 4]);
    expect([...y.values]).toEqual(Array.from(plain.values, (value, at) => Math.fround(value + 1 + (at % 4))));
  });

  test('undoes the change of shape of a convolution, and is trained with it', () => {
    const network = new Sequential(
      new Conv2d(1, 3, { stride: 2, padding: 1, rng }),
      new ConvTranspose2d(3, 1, { stride: 2, padding: 1, outputPadding: 1, bias: false, rng }),
    );
    const x = rng.normal([1, 8, 8, 1]);
    expect(network.forward(x).shape).toEqual(x.shape);
    const slopes = gradient((network: Sequential) => sum(network.forward(x)))(network);
    expect(slopes.layers).toHaveLength(2);
    expect(network.layers[1].toString()).toBe('ConvTranspose2d\n  weight [3, 3, 3, 1]');
  });

  test('refuses groups that do not divide its channels', () => {
    expect(() => new ConvTranspose2d(6, 4, { groups: 3, rng })).toThrow(ShapeError);
    expect(() => new ConvTranspose2d(6, 4, { kernels: 3, rng } as never)).toThrow(
      /ConvTranspose2d has no option "kernels"/,
    );
  });
});

test('Upsample is interpolate, with its gradient', () => {
  const [x, options] = [rng.normal([1, 3, 4, 2]), { scale: 2, mode: 'bilinear' }] as const;
  expect(new Upsample(options).forward(x).values).toEqual(interpolate(x, options).values);
  const slope = gradient((x: Tensor) => sum(new Upsample({ size: 8 }).forward(x)))(zeros([1, 4, 4, 1]));
  expect(slope.values).toEqual(ones([16]).mul(4).values);
});
