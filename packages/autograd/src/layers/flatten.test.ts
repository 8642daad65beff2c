import { dispose, memory, ones, Rng, ShapeError, square, sum, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { gradient } from '../differentiate.js';
import { Flatten } from './flatten.js';
import { Identity } from './identity.js';
import { Linear } from './linear.js';
import { Sequential } from './sequential.js';

describe('Flatten', () => {
  test('keeps the order of elements, for any axes', () => {
    const x = Rng.fromSeed(1).normal([2, 3, 4, 5]);
    for (const [options, shape] of [
      [{}, [2, 60]],
      [{ startAxis: 0 }, [120]],
      [{ startAxis: -2 }, [2, 3, 20]],
      [{ endAxis: 2 }, [2, 12, 5]],
      [{ startAxis: 1, endAxis: 1 }, [2, 3, 4, 5]],
    ] as const) {
      const y = new Flatten(options).forward(x);
      expect(y.shape).toEqual(shape);
      expect(y.values).toEqual(x.values);
    }
    expect(new Flatten().forward(zeros([0, 3, 2])).shape).toEqual([0, 6]);
    expect(new Flatten().forward(zeros([3, 0, 2])).shape).toEqual([3, 0]);
  });

  test('passes gradients on, between other layers', () => {
    const network = new Sequential(new Flatten(), new Linear(6, 1, { bias: false, rng: Rng.fromSeed(0) }));
    const weight = (network.layers[1] as Linear).weight.values;
    const slope = gradient((x: Tensor) => sum(network.forward(x)))(ones([2, 3, 2]));
    expect(slope.shape).toEqual([2, 3, 2]);
    expect([...slope.values]).toEqual([...weight, ...weight]);
  });

  test('explains axes that x does not have', () => {
    expect(() => new Flatten().forward(zeros([3]))).toThrow(ShapeError);
    expect(() => new Flatten().forward(zeros([]))).toThrow(/^Flatten: x has no axes from 1 to -1/);
    expect(() => new Flatten({ endAxis: 3 }).forward(zeros([2, 3]))).toThrow(/^Flatten: x has no axes from 1 to 3/);
    expect(() => new Flatten({ startAxis: 0.5 })).toThrow(/^Flatten: startAxis must be a whole number, not 0\.5$/);
    expect(() => new Flatten({ start: 1 } as never)).toThrow(/^Flatten has no option "start"/);
  });
});

test('Identity returns another handle, so that freeing its result does not free its input', () => {
  const x = tensor([1, -2]);
  const before = memory();
  const y = new Sequential(new Identity(), new Identity()).forward(x);
  expect([...y.values]).toEqual([1, -2]);
  dispose(y);
  expect(x.disposed).toBe(false);
  expect(memory()).toEqual(before);
  expect([...gradient((x: Tensor) => sum(square(new Identity().forward(x))))(x).values]).toEqual([2, -4]);
});
