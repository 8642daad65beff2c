import { fc, test } from '@fast-check/vitest';
import { type Tensor, tensor } from '@mobinet/tensor';
import { checkOp } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { labelTargets } from './label-targets.js';

describe('labelTargets', () => {
  const labelLists = fc.array(fc.constantFrom(-100, 0, 1, 2, 3), { maxLength: 7 });

  test.prop([labelLists, fc.constantFrom(0, 0.25, 1)], { numRuns: 40 })(
    'writes every target and every weight, on CPU and GPU',
    (list, smoothing) => {
      const [labels, weight] = [tensor(list, { dtype: 'i32' }), tensor([0.5, 2, 1, 3])];
      for (const part of [0, 1]) {
        const f = (labels: Tensor<'i32'>, weight: Tensor) =>
          labelTargets(labels, weight, { smoothing, ignoreIndex: -100 })[part];
        checkOp(f, [labels, weight], { gradient: false });
      }
      const [targets, weights] = labelTargets(labels, weight, { smoothing, ignoreIndex: -100 });
      list.forEach((label, row) => {
        const target = [...targets.values.subarray(4 * row, 4 * row + 4)];
        if (label < 0) {
          expect([...target, weights.values[row]]).toEqual([0, 0, 0, 0, 0]);
          return;
        }
        expect(weights.values[row]).toBe(weight.values[label]);
        const expected = [0, 1, 2, 3].map(
          (c) => weight.values[c] * (smoothing / 4 + (c === label ? 1 - smoothing : 0)),
        );
        expect(target).toEqual(expected);
      });
    },
  );
});
