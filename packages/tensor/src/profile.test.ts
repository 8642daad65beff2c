import { describe, expect, test } from 'vitest';
import { ones, zeros } from './create.js';
import { apply, defineOp, profile, startProfile } from './op.js';
import { bitConv2d } from './ops/bits/bit-conv2d.js';
import { packBits } from './ops/bits/pack-bits.js';
import { conv2d } from './ops/conv2d/conv2d.js';
import { relu } from './ops/elementwise/activation.js';
import { add } from './ops/elementwise/binary.js';
import { sameShapeAsInput } from './ops/elementwise/elementwise.js';
import { matmul } from './ops/matmul/matmul.js';
import type { OpProfile } from './profile.js';
import { tidy } from './scope.js';
import type { Tensor } from './tensor.js';

/** The fields that do not depend on the clock. */
const counts = (ops: readonly OpProfile[]) =>
  Object.fromEntries(ops.map(({ op, calls, bytes, multiplyAdds }) => [op, { calls, bytes, multiplyAdds }]));

/** An op that runs `body`, and claims to take `multiplyAdds`. */
function opThatRuns(name: string, multiplyAdds: () => number, body: () => void) {
  const op = defineOp<[Tensor], [Tensor]>({
    name,
    outputs: sameShapeAsInput,
    reference([x], [y]) {
      y.values.set(x.values);
      body();
    },
    multiplyAdds,
  });
  return (x: Tensor): Tensor => apply(op, [x], undefined)[0];
}

function keepBusy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe('profile', () => {
  test('returns what the body returns', () => {
    expect(profile(() => 42)).toEqual({ result: 42, ops: [] });
  });

  test('counts calls and the bytes of their inputs and outputs', () => {
    const [x, bias] = [ones([10, 6]), ones([6])];
    const { ops } = profile(() => relu(add(add(x, bias), 1)));
    expect(counts(ops)).toEqual({
      // A number becomes a tensor of 4 bytes.
      add: { calls: 2, bytes: 240 + 24 + 240 + (240 + 4 + 240), multiplyAdds: 0 },
      relu: { calls: 1, bytes: 240 + 240, multiplyAdds: 0 },
    });
    for (const { gmacPerSecond } of ops) expect(gmacPerSecond).toBeNull();
  });

  test('counts the multiply-adds of matrix products and convolutions, both of floats and of bits', () => {
    const [a, b] = [ones([2, 3]), ones([3, 4])];
    const [image, filter] = [ones([1, 5, 5, 2]), ones([3, 3, 3, 2])];
    const [bits, filterBits] = [packBits(image), packBits(filter)];
    const { ops } = profile(() => {
      matmul(a, b);
      conv2d(image, filter);
      bitConv2d(bits, filterBits);
    });
    // A row of two signs takes a whole word of 4 bytes.
    expect(counts(ops)).toEqual({
      matmul: { calls: 1, bytes: 4 * (6 + 12 + 8), multiplyAdds: 2 * 4 * 3 },
      conv2d: { calls: 1, bytes: 4 * (50 + 54 + 27), multiplyAdds: 27 * 18 },
      bitConv2d: { calls: 1, bytes: 4 * (25 + 27 + 27), multiplyAdds: 27 * 18 },
    });
    for (const { multiplyAdds, milliseconds, gmacPerSecond } of ops) {
      expect(gmacPerSecond).toBe(multiplyAdds / milliseconds / 1e6);
    }
  });

  test('counts the multiply-adds of grouped convolutions, whose filters see only part of the channels', () => {
    const { ops } = profile(() => conv2d(ones([2, 4, 4, 8]), ones([8, 3, 3, 1]), { groups: 8, padding: 'same' }));
    expect(counts(ops).conv2d.multiplyAdds).toBe(2 * 4 * 4 * 8 * 9);
  });

  test('attributes the cost of nested ops to them, and counts nothing twice', () => {
    const inner = opThatRuns(
      'inner',
      () => 100,
      () => keepBusy(5),
    );
    const twice = () => tidy(() => void inner(inner(ones([1]))));
    const [delegating, adding] = [opThatRuns('delegating', () => 200, twice), opThatRuns('adding', () => 230, twice)];
    const start = performance.now();
    const { ops } = profile(() => adding(delegating(zeros([1]))));
    const elapsed = performance.now() - start;
    expect(counts(ops)).toEqual({
      inner: { calls: 4, bytes: 4 * 8, multiplyAdds: 400 },
      delegating: { calls: 1, bytes: 8, multiplyAdds: 0 },
      adding: { calls: 1, bytes: 8, multiplyAdds: 30 },
    });
    expect(ops.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeLessThanOrEqual(elapsed);
    expect(ops.find(({ op }) => op === 'inner')!.milliseconds).toBeGreaterThan(19.9);
  });

  test('lists the most expensive op first', () => {
    const [cheap, expensive] = [() => {}, () => keepBusy(10)].map((body, n) => opThatRuns(`op ${n}`, () => 0, body));
    const { ops } = profile(() => expensive(cheap(zeros([1]))));
    const milliseconds = ops.map((op) => op.milliseconds);
    expect(milliseconds).toEqual(milliseconds.toSorted((a, b) => b - a));
  });

  test('does not record ops after the body', () => {
    const stop = startProfile();
    relu(ones([3]));
    const before = counts(stop());
    relu(ones([3]));
    expect(counts(stop())).toEqual(before);
    expect(before.relu.calls).toBe(1);
  });

  test('ends if the body throws, inside or outside of an op', () => {
    let asked = 0;
    const watched = opThatRuns(
      'watched',
      () => ++asked,
      () => {},
    );
    const failing = opThatRuns(
      'failing',
      () => 0,
      () => {
        throw new Error('no result');
      },
    );
    for (const body of [
      () => failing(ones([1])),
      () => {
        throw new Error('no result');
      },
    ]) {
      expect(() => profile(body)).toThrow('no result');
      watched(ones([1]));
      // Only a profiler reads multiplyAdds.
      expect(asked).toBe(0);
    }
  });

  test('continues after an op that failed', () => {
    const failing = opThatRuns(
      'failing',
      () => 50,
      () => {
        matmul(ones([2, 2]), ones([2, 2]));
        throw new Error('no result');
      },
    );
    const { ops } = profile(() => {
      expect(() => failing(ones([1]))).toThrow('no result');
      matmul(ones([2, 2]), ones([2, 2]));
    });
    expect(counts(ops)).toEqual({
      matmul: { calls: 2, bytes: 2 * 48, multiplyAdds: 16 },
      failing: { calls: 1, bytes: 8, multiplyAdds: 42 },
    });
  });

  test('inside another profile leaves the outer one intact', () => {
    const stop = startProfile();
    expect(() =>
      profile(() => {
        throw new Error('no result');
      }),
    ).toThrow('no result');
    relu(ones([3]));
    expect(counts(stop())).toEqual({ relu: { calls: 1, bytes: 24, multiplyAdds: 0 } });
  });
});
