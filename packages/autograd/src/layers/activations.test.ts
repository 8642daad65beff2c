import { fc, test } from '@fast-check/vitest';
import {
  add,
  batchNorm,
  gelu,
  mul,
  ones,
  Rng,
  relu,
  sigmoid,
  silu,
  sum,
  type Tensor,
  tanh,
  tidy,
  zeros,
} from '@mobinet/tensor';
import { tensors } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { gradient } from '../differentiate.js';
import { GELU, ReLU, RPReLU, Sigmoid, SiLU, Tanh } from './activations.js';

/** Expects differences below 1e-5 of the largest element, or of 1 if all are smaller. */
function expectClose({ values }: Tensor, expected: ArrayLike<number>): void {
  expect(values.length).toBe(expected.length);
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  expect(Math.max(...values.map((value, at) => Math.abs(value - expected[at])))).toBeLessThan(1e-5 * scale);
}

/** A layer with random numbers in place of its initial ones. */
function randomRPReLU(channels: number, rng: Rng): RPReLU {
  const layer = new RPReLU(channels);
  for (const [name, { values }] of layer.parameters()) values.set(rng.split(name).normal([channels]).values);
  return layer;
}

test.prop([tensors([2, 3])], { numRuns: 10 })('layers without parameters are their functions', (x) => {
  const pairs = [
    [new ReLU(), relu],
    [new Sigmoid(), sigmoid],
    [new Tanh(), tanh],
    [new GELU(), gelu],
    [new GELU({ approximate: 'tanh' }), (x: Tensor) => gelu(x, { approximate: 'tanh' })],
    [new SiLU(), silu],
  ] as const;
  for (const [layer, f] of pairs) {
    expect(layer.forward(x).values).toEqual(f(x).values);
    expect(layer.parameters().size).toBe(0);
  }
});

describe('RPReLU', () => {
  test.prop([fc.constantFrom(1, 3, 4, 8, 13), fc.integer({ min: 1, max: 9 }), fc.nat()], { numRuns: 40 })(
    'is PReLU(x − γ) + ζ, with its gradients',
    (channels, rows, seed) => {
      tidy(() => {
        const rng = Rng.fromSeed(seed);
        const layer = randomRPReLU(channels, rng);
        const [x, dy] = ['x', 'dy'].map((name) => rng.split(name).normal([rows, channels]));
        const [slope, gamma, zeta] = [layer.slope, layer.gamma, layer.zeta!].map(({ values }) => values);
        const y = layer.forward(x).values;
        const expected = { dx: x.values.map(() => 0), slope: slope.map(() => 0), gamma: slope.map(() => 0) };
        x.values.forEach((value, at) => {
          const c = at % channels;
          const moved = value - gamma[c];
          expect(y[at]).toBeCloseTo(moved > 0 ? moved + zeta[c] : slope[c] * moved + zeta[c], 5);
          expected.dx[at] = dy.values[at] * (moved > 0 ? 1 : slope[c]);
          expected.gamma[c] -= expected.dx[at];
          expected.slope[c] += moved > 0 ? 0 : dy.values[at] * moved;
        });
        const { x: dx, layer: dlayer } = gradient((input: { x: Tensor; layer: RPReLU }) =>
          sum(mul(input.layer.forward(input.x), dy)),
        )({ x, layer });
        expectClose(dx, expected.dx);
        expectClose(dlayer.slope, expected.slope);
        expectClose(dlayer.gamma, expected.gamma);
        expectClose(dlayer.zeta!, sum(dy, { axes: [0] }).values);
      });
    },
  );

  test('starts as a PReLU with the slope 0.25', () => {
    const layer = new RPReLU(3);
    expect([...layer.forward(ones([3])).values]).toEqual([1, 1, 1]);
    expect([...layer.forward(mul(ones([3]), -1)).values]).toEqual([-0.25, -0.25, -0.25]);
  });

  test('needs no ζ before a batch normalization, which takes its place', () => {
    const rng = Rng.fromSeed(1);
    const layer = randomRPReLU(4, rng);
    const x = rng.split('x').normal([50, 4]);
    const normalized = (y: Tensor): Tensor => batchNorm(y, ones([4]), zeros([4])).output;
    const y = layer.forward(x);
    expectClose(normalized(add(y, 7)), normalized(y).values);
    const without = new RPReLU(4, { zeta: false });
    expect([...without.parameters().keys()]).toEqual(['slope', 'gamma']);
    without.slope.values.set(layer.slope.values);
    without.gamma.values.set(layer.gamma.values);
    expectClose(normalized(without.forward(x)), normalized(y).values);
  });

  test('refuses unknown options', () => {
    expect(() => new RPReLU(3, { zetas: false } as object)).toThrow(/^RPReLU has no option "zetas"/);
  });
});
