import { groupNorm, layerNorm, Rng, ShapeError, tensor } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { Embedding } from './embedding.js';
import { GroupNorm, LayerNorm } from './group-norm.js';

const rng = Rng.fromSeed(3);

describe('LayerNorm', () => {
  test('calls layerNorm with its parameters, in training and in evaluation', () => {
    const norm = new LayerNorm([3, 4], { epsilon: 0.1 });
    norm.gamma!.values.set(rng.normal([3, 4]).values);
    norm.beta!.values.set(rng.normal([3, 4]).values);
    const x = rng.normal([5, 3, 4]);
    const expected = layerNorm(x, norm.gamma, norm.beta, { epsilon: 0.1 }).values;
    expect(norm.forward(x).values).toEqual(expected);
    expect(norm.eval().forward(x).values).toEqual(expected);
    expect([...norm.parameters().keys()]).toEqual(['gamma', 'beta']);
  });

  test('has no parameters without affine, but knows its shape', () => {
    const norm = new LayerNorm(4, { affine: false });
    expect(norm.parameters().size).toBe(0);
    expect(() => norm.forward(rng.normal([2, 3]))).toThrow(ShapeError);
  });

  test('explains wrong arguments', () => {
    expect(() => new LayerNorm(0)).toThrow('LayerNorm: features must be a whole number of at least 1, not 0');
    expect(() => new LayerNorm(2, { epsilon: 0 })).toThrow(RangeError);
    // @ts-expect-error PyTorch's name of an option
    expect(() => new LayerNorm(2, { elementwise_affine: false })).toThrow(/no option "elementwise_affine"/);
  });
});

describe('GroupNorm', () => {
  test('calls groupNorm with its parameters', () => {
    const norm = new GroupNorm(2, 6);
    norm.gamma!.values.set(rng.normal([6]).values);
    norm.beta!.values.set(rng.normal([6]).values);
    const x = rng.normal([2, 3, 3, 6]);
    expect(norm.forward(x).values).toEqual(groupNorm(x, 2, norm.gamma, norm.beta).values);
    expect(new GroupNorm(2, 6, { affine: false }).forward(x).values).toEqual(groupNorm(x, 2).values);
  });

  test('explains groups that do not divide the channels', () => {
    expect(() => new GroupNorm(4, 6)).toThrow('GroupNorm: 4 groups do not divide 6 channels');
    expect(() => new GroupNorm(0, 6)).toThrow(RangeError);
  });
});

describe('Embedding', () => {
  test('looks up rows, which start standard normal', () => {
    const layer = new Embedding(1000, 20, { rng });
    const { values } = layer.weight;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    // Five standard errors of 20,000 numbers: 5/√n, and 5·√(2/n).
    expect(Math.abs(mean)).toBeLessThan(0.036);
    expect(Math.abs(square - 1)).toBeLessThan(0.05);
    const y = layer.forward(tensor([[7], [999]], { dtype: 'i32' }));
    expect(y.shape).toEqual([2, 1, 20]);
    expect(y.values.subarray(20)).toEqual(values.subarray(999 * 20));
  });

  test('differs from another layer of the same generator', () => {
    const [first, second] = [new Embedding(2, 2, { rng }), new Embedding(2, 2, { rng })];
    expect(first.weight.values).not.toEqual(second.weight.values);
  });

  test('explains wrong arguments', () => {
    expect(() => new Embedding(0, 2, { rng })).toThrow('Embedding: count must be a whole number of at least 1, not 0');
    // @ts-expect-error the generator is missing
    expect(() => new Embedding(2, 2, {})).toThrow(TypeError);
    expect(() => new Embedding(2, 2, { rng }).forward(tensor([0.5]) as never)).toThrow(
      'embedding: indices must be i32, not f32',
    );
  });
});
