import { fc, test } from '@fast-check/vitest';
import { apply, defineOp, memory, mul, Rng, square, type Tensor, tensor } from '@mobinet/tensor';
import { tensors } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { checkGradient, customGradient } from './index.js';

/** x³, with `factor`·x² as its derivative, which is right if the factor is 3. */
function cube(x: Tensor, factor: number): Tensor {
  const rule = customGradient('cube', (x: Tensor) => ({
    output: mul(square(x), x),
    saved: [x],
    gradient: (dy, [x]: readonly Tensor[]) => [() => mul(dy, mul(square(x), factor))],
  }));
  return rule(x);
}

describe('checkGradient', () => {
  test.prop([tensors([4])], { numRuns: 20 })('accepts a right rule', (x) => {
    checkGradient((x) => cube(x, 3), [x]);
  });

  test.prop([fc.constantFrom(-3, 0, 2, 2.9, 3.1, 6)], { numRuns: 12 })('rejects a wrong rule', (factor) => {
    expect(() => checkGradient((x) => cube(x, factor), [tensor([0.5, -2])])).toThrow(
      /^the gradient of input 0 at element \d \(value (0\.5|-2)\) is .+, but the finite difference is /,
    );
  });

  test('names the input whose rule is wrong', () => {
    const swapped = defineOp<[Tensor, Tensor], [Tensor]>({
      name: 'difference',
      outputs: ([a]) => [{ dtype: 'f32', shape: a.shape }],
      reference([{ values: a }, { values: b }], [{ values: y }]) {
        for (let i = 0; i < y.length; i++) y[i] = a[i] - b[i];
      },
      gradient: (dy) => [() => dy, () => dy],
    });
    const [a, b] = [tensor([1, 2]), tensor([3, 4])];
    expect(() => checkGradient((a, b) => apply(swapped, [a, b], undefined)[0], [a, b])).toThrow(
      'the gradient of input 1 at element 0 (value 3)',
    );
  });

  test('rejects a gradient of the wrong shape, and a missing one', () => {
    const misshapen = customGradient('misshapen', (x: Tensor) => ({
      output: square(x),
      saved: [],
      gradient: () => [() => tensor([1])],
    }));
    const stopped = customGradient('stopped', (x: Tensor) => ({
      output: square(x),
      saved: [],
      gradient: () => [null],
    }));
    const x = tensor([1, 2]);
    expect(() => checkGradient(misshapen, [x])).toThrow('misshapen: the gradient of input 0 has the wrong shape');
    expect(() => checkGradient(stopped, [x])).toThrow('is 0, but');
  });

  test('leaves its inputs unchanged and no tensor behind, even if it fails', () => {
    const x = Rng.fromSeed(3).normal([5]);
    const copy = [...x.values];
    const before = memory();
    checkGradient((x) => cube(x, 3), [x]);
    expect(() => checkGradient((x) => cube(x, 2), [x])).toThrow('finite difference');
    expect(memory()).toEqual(before);
    expect([...x.values]).toEqual(copy);
  });
});
