import { fc, test } from '@fast-check/vitest';
import { Module, Parameter } from '@mobinet/autograd';
import { type Tensor, tensor } from '@mobinet/tensor';
import { expect } from 'vitest';
import { signChanges, signsOf } from './signs.js';

/** A network whose only binary weights are these; others, which are not binary, must not be counted. */
class Weights extends Module {
  readonly binary: Parameter;
  readonly float = new Parameter(tensor([-1, 2]));

  constructor(values: readonly number[]) {
    super();
    this.binary = new Parameter(tensor(values), { binary: true });
  }

  override forward = (x: Tensor): Tensor => x;
}

// 0, −0 and NaN count as +1, as in the network.
const weight = fc.oneof(fc.float(), fc.constantFrom(0, -0, -1e-30, Number.NaN));
const pairs = fc.array(fc.tuple(weight, weight), { minLength: 1, maxLength: 100 });

test.prop([pairs])('sign changes are what a count of the weights gives', async (pairs) => {
  const [before, now] = [0, 1].map((at) => new Weights(pairs.map((pair) => pair[at])));
  const isNegative = (at: number, value: number): boolean => Math.fround(pairs[at][value]) < 0;
  const all = pairs.map((_, at) => at);
  expect(signChanges(now, await signsOf(before), await signsOf(now))).toEqual({
    binary: {
      weights: pairs.length,
      negative: all.filter((at) => isNegative(at, 1)).length,
      flipped: all.filter((at) => isNegative(at, 0) !== isNegative(at, 1)).length,
    },
  });
  expect(signChanges(now, null, await signsOf(now)).binary.flipped).toBeNull();
  before.dispose();
  now.dispose();
});
