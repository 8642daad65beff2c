import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { withGrain } from './backends/cpu/dispatch.js';
import { memoryBuffer } from './backends/cpu/memory.js';
import { boxMuller } from './box-muller.js';
import { zeros } from './create.js';
import { withKernels } from './op.js';
import { Rng, threefry } from './random.js';
import { drawBitsByKernel, drawByKernel } from './random.wasm.js';

const seeds = fc.maxSafeInteger();
const labels = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.maxSafeInteger()), { minLength: 1, maxLength: 4 });
const draw = (rng: Rng, count = 8) => Array.from({ length: count }, () => rng.bits());

function moments(values: Float32Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return { mean, variance: values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length };
}

describe('threefry', () => {
  // The known-answer tests of Random123, examples/kat_vectors, "threefry2x32 20". The last one uses digits of π.
  test.each([
    { key: [0, 0], counter: [0, 0], result: [0x6b200159, 0x99ba4efe] },
    { key: [0xffffffff, 0xffffffff], counter: [0xffffffff, 0xffffffff], result: [0x1cb996fc, 0xbb002be7] },
    { key: [0x13198a2e, 0x03707344], counter: [0x243f6a88, 0x85a308d3], result: [0xc4923a9c, 0x483df7a0] },
  ])('encrypts $counter like the reference implementation', ({ key, counter, result }) => {
    expect(threefry([key[0], key[1]], counter[0], counter[1])).toEqual(result);
  });
});

describe('Rng', () => {
  test.prop([seeds])('the same seed gives the same bits', (seed) => {
    expect(draw(Rng.fromSeed(seed))).toEqual(draw(Rng.fromSeed(seed)));
  });

  test('the numbers of a seed never change', () => {
    expect(draw(Rng.fromSeed(42), 3)).toEqual([3732534457, 646961260, 2234760234]);
    expect(draw(Rng.fromSeed(42).split('augment', 3), 3)).toEqual([3602499155, 998281402, 1522638393]);
  });

  test.prop([seeds, seeds])('different seeds give different bits', (a, b) => {
    fc.pre(a !== b);
    expect(draw(Rng.fromSeed(a))).not.toEqual(draw(Rng.fromSeed(b)));
  });

  test('rejects seeds that are not integers', () => {
    expect(() => Rng.fromSeed(0.5)).toThrow(new RangeError('seed must be a whole number, got 0.5'));
  });

  test.prop([seeds, labels, fc.nat({ max: 20 })])(
    'split depends on the key and the labels, not on draws',
    (seed, names, draws) => {
      const rng = Rng.fromSeed(seed);
      const before = draw(rng.split(...names));
      draw(rng, draws);
      const state = rng.state;
      expect(draw(rng.split(...names))).toEqual(before);
      expect(rng.state).toEqual(state);
    },
  );

  test.prop([seeds, labels, labels], { numRuns: 300 })('different labels give different bits', (seed, a, b) => {
    fc.pre(JSON.stringify(a) !== JSON.stringify(b));
    const rng = Rng.fromSeed(seed);
    expect(draw(rng.split(...a))).not.toEqual(draw(rng.split(...b)));
    expect(draw(rng.split(...a))).not.toEqual(draw(rng));
  });

  test('labels are distinguished by their ends and by their types', () => {
    const rng = Rng.fromSeed(1);
    const split = [
      rng.split('ab'),
      rng.split('a', 'b'),
      rng.split('a'),
      rng.split(''),
      rng.split(1),
      rng.split('1'),
      rng,
    ];
    expect(new Set(split.map((generator) => draw(generator).join())).size).toBe(split.length);
    expect(draw(rng.split('a', 'b'))).toEqual(draw(rng.split('a').split('b')));
    expect(() => rng.split()).toThrow(RangeError);
    expect(() => rng.split(0.5)).toThrow(new RangeError('split: 0.5 is not a whole number'));
  });

  test.prop([seeds, fc.nat({ max: 20 })])('resumes from its state, also through JSON', (seed, draws) => {
    const rng = Rng.fromSeed(seed);
    draw(rng, draws);
    rng.spawn('weight');
    const copy = Rng.fromState(JSON.parse(JSON.stringify(rng.state)));
    expect(draw(copy)).toEqual(draw(rng));
    expect(draw(copy.spawn('weight'))).toEqual(draw(rng.spawn('weight')));
  });

  test('spawn returns another generator at each call, and the first equals that of split', () => {
    const rng = Rng.fromSeed(4);
    const spawned = [rng.spawn('weight'), rng.spawn('weight'), rng.spawn('weight'), rng.spawn('other')].map((one) =>
      draw(one),
    );
    expect(spawned[0]).toEqual(draw(rng.split('weight')));
    expect(new Set(spawned.map(String)).size).toBe(4);
    // Draws and splits do not depend on what was spawned.
    expect(draw(rng)).toEqual(draw(Rng.fromSeed(4)));
  });

  test('uniform numbers have the right mean and variance', () => {
    const { values } = Rng.fromSeed(7).uniform([100, 1000], -1, 3);
    const { mean, variance } = moments(values);
    expect(values.every((x) => x >= -1 && x <= 3)).toBe(true);
    // Five standard errors: √(variance / n), and √((kurtosis − 1) / n) · variance.
    expect(Math.abs(mean - 1)).toBeLessThan(0.019);
    expect(Math.abs(variance - 16 / 12)).toBeLessThan(0.019);
  });

  test('normal numbers have the right mean, standard deviation and tails', () => {
    const { values } = Rng.fromSeed(8).normal([100_000], 2, 3);
    const { mean, variance } = moments(values);
    expect(Math.abs(mean - 2)).toBeLessThan(0.048);
    expect(Math.abs(variance - 9)).toBeLessThan(0.21);
    const beyondTwoSigma = values.filter((x) => Math.abs(x - 2) > 6).length / values.length;
    expect(Math.abs(beyondTwoSigma - 0.0455)).toBeLessThan(0.0034);
  });

  test('normal numbers are those of Box and Muller, up to rounding', () => {
    const { values } = Rng.fromSeed(8).normal([4096]);
    const rng = Rng.fromSeed(8);
    const expected = Float64Array.from(values, () => {
      const radius = Math.sqrt(-2 * Math.log(1 - rng.float()));
      return radius * Math.cos(2 * Math.PI * rng.float());
    });
    for (const [i, value] of values.entries()) {
      expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(Math.abs(expected[i]) * 2 ** -24 + 1e-14);
    }
  });

  test.prop([fc.integer({ min: 1, max: 2 ** 24 }), fc.nat(2 ** 24 - 1)], {
    examples: [
      [1, 0],
      [2 ** 24, 2 ** 22],
      [2 ** 24 - 1, 2 ** 21],
      [2 ** 23, 2 ** 23],
    ],
  })('the logarithm and the cosine are accurate in double precision', (k, j) => {
    const { radius, cosine } = boxMuller((2 ** 24 - k) << 8, j << 8);
    const expected = Math.sqrt(-2 * Math.log(k / 2 ** 24));
    expect(Math.abs(radius - expected)).toBeLessThanOrEqual(expected * 2 ** -50);
    expect(Math.abs(cosine - Math.cos((2 * Math.PI * j) / 2 ** 24))).toBeLessThanOrEqual(2 ** -50);
  });

  const distributions = fc.constantFrom('uniform', 'normal');
  const counters = fc.oneof(fc.nat(100), fc.integer({ min: 2 ** 33 - 9000, max: 2 ** 33 + 10 }));
  test.prop([seeds, counters, distributions, fc.integer({ min: 1024, max: 1100 })], { numRuns: 30 })(
    'the kernel draws the numbers of the definition, bit for bit, and as many',
    (seed, counter, distribution, length) => {
      const drawOn = (tier: 'fast' | 'reference') =>
        withKernels(tier, () => {
          const rng = Rng.fromState({ ...Rng.fromSeed(seed).state, counter });
          const { values } = rng[distribution]([length], -0.3, 0.7);
          return { values, next: rng.bits() };
        });
      expect(withGrain(1, () => drawOn('fast'))).toEqual(drawOn('reference'));
    },
  );

  test.prop([seeds, counters, fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1024, max: 1100 })], {
    numRuns: 30,
    examples: [
      [1, 0, 0, 1030],
      [1, 0, 1, 1031],
      [1, 0, 2 ** -24, 1032],
    ],
  })('the kernel of bernoulli has the bits of the definition', (seed, counter, probability, length) => {
    const drawOn = (tier: 'fast' | 'reference') =>
      withKernels(tier, () => {
        const rng = Rng.fromState({ ...Rng.fromSeed(seed).state, counter });
        const { values } = rng.bernoulli([length], probability);
        return { values, next: rng.bits() };
      });
    expect(withGrain(1, () => drawOn('fast'))).toEqual(drawOn('reference'));
  });

  test('the kernel of bernoulli fills arrays anywhere, and nothing beyond them', () => {
    const [onHeap, elsewhere] = [zeros([1100], 'u8').values, new Uint8Array(1100)];
    const stream = { key: [1, 2], counter: 3 } as const;
    for (const values of [onHeap, elsewhere]) drawBitsByKernel(stream, values.fill(7).subarray(0, 1027), 0.5);
    expect([...elsewhere]).toEqual([...onHeap]);
    expect(new Set(elsewhere.subarray(0, 1027))).toEqual(new Set([0, 1]));
    expect(elsewhere.subarray(1027).every((value) => value === 7)).toBe(true);
  });

  test('bernoulli draws ones with the given probability', () => {
    for (const probability of [0.1, 0.5, 0.9]) {
      const { values, dtype, shape } = Rng.fromSeed(10).bernoulli([100, 1000], probability);
      expect([dtype, shape]).toEqual(['u8', [100, 1000]]);
      const ones = values.reduce((sum, x) => sum + x, 0);
      // Five standard deviations of a binomial count.
      const deviation = Math.sqrt(1e5 * probability * (1 - probability));
      expect(Math.abs(ones - 1e5 * probability)).toBeLessThan(5 * deviation);
    }
    expect(new Set(Rng.fromSeed(1).bernoulli([2000], 0).values)).toEqual(new Set([0]));
    expect(new Set(Rng.fromSeed(1).bernoulli([2000], 1).values)).toEqual(new Set([1]));
    expect(() => Rng.fromSeed(1).bernoulli([2], 1.5)).toThrow('bernoulli: probability must be a number from 0 to 1');
  });

  test('integers are equally likely', () => {
    const { values, dtype, shape } = Rng.fromSeed(11).integers([60, 100], -2, 4);
    expect([dtype, shape]).toEqual(['i32', [60, 100]]);
    for (let number = -2; number < 4; number++) {
      // As for permutations: 5·√(6000 · 1/6 · 5/6).
      const count = values.filter((value) => value === number).length;
      expect(Math.abs(count - 1000)).toBeLessThan(145);
    }
  });

  test('integers replace words that would favor small numbers, in one step of the counter', () => {
    // Among 3 · 2³⁰ numbers, without replacement, the lowest third would be drawn as often as all others together.
    const [rng, other] = [Rng.fromSeed(12), Rng.fromSeed(12)];
    const { values } = rng.integers([6000], -(2 ** 31), 2 ** 30);
    const lowest = values.filter((value) => value < -(2 ** 30)).length;
    expect(Math.abs(lowest - 2000)).toBeLessThan(5 * Math.sqrt((6000 * 2) / 9));
    other.uniform([6000]);
    expect(rng.bits()).toBe(other.bits());
  });

  test('integers reach their bounds, and refuse others', () => {
    const rng = Rng.fromSeed(13);
    expect(new Set(rng.integers([10], 2 ** 31 - 1, 2 ** 31).values)).toEqual(new Set([2 ** 31 - 1]));
    const all = rng.integers([100], -(2 ** 31), 2 ** 31).values;
    expect(all.some((value) => value < 0) && all.some((value) => value > 0)).toBe(true);
    expect(() => rng.integers([2], 3, 3)).toThrow('integers: high must be a whole number from 4 to 2147483648, not 3');
    expect(() => rng.integers([2], 0.5, 3)).toThrow(RangeError);
    expect(rng.integers([0, 3], 0, 2).size).toBe(0);
  });

  test('the kernel fills arrays anywhere', () => {
    const onHeap = zeros([1027]).values;
    expect(onHeap.buffer).toBe(memoryBuffer());
    const elsewhere = new Float32Array(1027);
    const stream = { key: [1, 2], counter: 3 } as const;
    for (const values of [onHeap, elsewhere]) drawByKernel('normal', stream, values, [0, 1]);
    expect([...elsewhere]).toEqual([...onHeap]);
    expect(new Set(elsewhere).size).toBeGreaterThan(1000);
  });

  test.prop([seeds, fc.integer({ min: 1, max: 1000 })])('integers stay below their bound', (seed, bound) => {
    const rng = Rng.fromSeed(seed);
    for (let i = 0; i < 20; i++) {
      const value = rng.integer(bound);
      expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
    }
  });

  test.prop([seeds, fc.nat({ max: 200 })])('a permutation contains every number once', (seed, length) => {
    const { values } = Rng.fromSeed(seed).permutation(length);
    expect([...values].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, at) => at));
  });

  test('all permutations are equally likely', () => {
    const rng = Rng.fromSeed(9);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = rng.permutation(3).values.join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Five standard deviations of a binomial count: 5·√(6000 · 1/6 · 5/6).
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(145);
  });
});
