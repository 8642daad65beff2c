import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { withoutMemory } from '../../absent.js';
import { memory } from '../../backend.js';
import { scalar, tensor, zeros } from '../../create.js';
import { TraceError } from '../../errors.js';
import { compile } from '../../program/compile.js';
import { dispose } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { checkGradient } from '../../testing/check-gradient.js';
import { add } from '../elementwise/binary.js';
import { gather } from '../shape/gather.js';
import { counted, expectSame } from '../shape/oracle.test.helper.js';
import { unique } from './unique.js';

describe('unique', () => {
  test.prop([counted(), fc.integer({ min: 1, max: 6 })], { numRuns: 60 })(
    'finds the values of a set, their places and their numbers',
    (x, period) => {
      x.values.forEach((value, at) => {
        x.values[at] = (value * 7) % period;
      });
      const { values, inverse, counts } = unique(x);
      const set = [...new Set(x.values)].sort((a, b) => a - b);
      expect([...values.values]).toEqual(set);
      expectSame(gather(values, inverse), x);
      expect([...counts.values]).toEqual(set.map((value) => x.values.filter((other) => other === value).length));
      expect([values.dtype, inverse.dtype, counts.dtype]).toEqual([x.dtype, 'i32', 'i32']);
    },
  );

  test('counts NaN as one value, the largest, and −0 as 0', () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const { values, inverse, counts } = unique(tensor([nan, 1, -0, nan, 0, infinity, -infinity]));
    expect([...values.values]).toEqual([-infinity, -0, 1, infinity, nan]);
    expect([...inverse.values]).toEqual([4, 2, 1, 4, 1, 3, 0]);
    expect([...counts.values]).toEqual([1, 2, 1, 1, 2]);
  });

  test('takes scalars and tensors without elements', () => {
    const { values, inverse, counts } = unique(scalar(3));
    expect([values.shape, inverse.shape, counts.shape]).toEqual([[1], [], [1]]);
    const none = unique(zeros([2, 0]));
    expect([none.values.shape, none.inverse.shape, none.counts.shape]).toEqual([[0], [2, 0], [0]]);
  });

  test('passes gradients to the first occurrence of each value', () => {
    checkGradient((x) => unique(x).values, [tensor([0.5, -1, 2])]);
  });

  test('leaves only its results in memory', () => {
    const x = tensor([1, 2, 1]);
    const before = memory().tensors;
    const result = unique(x);
    expect(memory().tensors - before).toBe(3);
    dispose(result);
    expect(memory().tensors).toBe(before);
  });

  test('cannot be part of a program, nor run without memory', () => {
    const message = /^unique: the number of distinct elements is unknown without the elements/;
    const trace = () => compile((x) => unique(x as Tensor).values, [{ dtype: 'f32', shape: [3] }]);
    expect(trace).toThrow(TraceError);
    expect(trace).toThrow(message);
    expect(() => withoutMemory(() => unique(zeros([3])).counts.size)).toThrow(message);
  });

  test('of constants can be computed during a trace', () => {
    const words = tensor([3, 1, 3]);
    const program = compile((x) => add(x as Tensor, unique(words).values), [{ dtype: 'f32', shape: [2] }]);
    expect([...(program.run([tensor([10, 20])])[0] as Tensor).values]).toEqual([11, 23]);
    program.dispose();
  });

  test('refuses what is not a tensor', () => {
    expect(() => unique([1, 2] as never)).toThrow('unique: x must be a tensor, not [1,2]');
  });
});
