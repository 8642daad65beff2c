import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { apply } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes, tensors } from '../../testing/index.js';
import { mul } from './binary.js';
import { elementwiseOp } from './elementwise.js';

describe('elementwiseOp', () => {
  const mixOp = elementwiseOp({
    name: 'mixForTest',
    operands: ['a', 'b'],
    numbers: ['share'],
    scalar: (a, b, { share }) => a + share * (b - a),
    lanes: (a, b, { share }) => a.add(share.mul(b.sub(a))),
    wgsl: 'a + p.share * (b - a)',
    gradient: (dy, { attributes: { share } }) => [() => mul(dy, 1 - share), () => mul(dy, share)],
  });
  const mix = (a: Tensor, b: Tensor): Tensor => apply(mixOp, [a, b], { share: 0.25 })[0];

  const pairs = shapes({ maxRank: 3 }).chain((shape) => fc.tuple(tensors(shape), tensors(shape)));

  test.prop([pairs], { numRuns: 40 })(
    'makes an op of two operands and a number that obeys the laws of ops',
    (inputs) => {
      checkOp(mix, inputs);
    },
  );

  test('computes the formula', () => {
    expect([...mix(tensor([0, 4]), tensor([8, -4])).values]).toEqual([2, 2]);
  });

  test('refuses operands of different shapes', () => {
    expect(() => mix(zeros([2, 3]), zeros([3]))).toThrow(
      ['mixForTest: the operands must have the same shape', '  a  [2, 3]', '  b  [3]'].join('\n'),
    );
  });

  test('infers the types of attributes and saved tensors', () => {
    expectTypeOf<Parameters<typeof mixOp.reference>[2]>().toEqualTypeOf<Readonly<Record<'share', number>>>();
    // These are only compiled: a call would add them to the list of all ops.
    const square = () =>
      elementwiseOp({
        name: 'square',
        scalar: (x) => x * x,
        lanes: (x) => x.mul(x),
        wgsl: 'x * x',
        saves: (inputs) => inputs,
        gradient(dy, { saved }) {
          expectTypeOf(saved).toEqualTypeOf<readonly [Tensor]>();
          return [() => mul(dy, mul(saved[0], 2))];
        },
      });
    expectTypeOf<Parameters<ReturnType<typeof square>['reference']>[2]>().toEqualTypeOf<undefined>();
    // @ts-expect-error: the formula has two operands, the op has one
    (): unknown => elementwiseOp({ name: '', scalar: (a, b) => a + b, lanes: (a) => a, wgsl: '' });
  });
});
