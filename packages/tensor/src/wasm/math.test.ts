import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { ones, tensor } from '../create.js';
import type { RecordedCall } from '../op.js';
import { sigmoid, tanh } from '../ops/elementwise/activation.js';
import { pow, power } from '../ops/elementwise/binary.js';
import { erf } from '../ops/elementwise/erf.js';
import { erfOf } from '../ops/elementwise/error-function.js';
import { gelu } from '../ops/elementwise/gelu.js';
import { expm1, log1p } from '../ops/elementwise/near-zero.js';
import { softplus } from '../ops/elementwise/softplus.js';
import { cos, sin, tan } from '../ops/elementwise/trigonometric.js';
import { exp, log } from '../ops/elementwise/unary.js';
import type { Tensor } from '../tensor.js';
import { withRecorder } from '../with-recorder.js';

// The guaranteed accuracy for all floats, including denormals: the maximum distance from the exact result in units in
// the last place (ulp). Infinities, NaN and the signs of zeros are the same as those of the definitions.
const accuracy = {
  ...{ exp: 2, log: 1, pow: 1, tanh: 4, sigmoid: 4 },
  ...{ sin: 2, cos: 2, tan: 4, expm1: 2, log1p: 2, erf: 2 },
};

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

function floatOf(bits: number): number {
  word[0] = bits;
  return float[0];
}

/** All bit patterns with equal probability: half of the numbers are below 1 in magnitude, some are denormal or NaN. */
const anyFloat = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(floatOf);

/** Powers of 2 and their neighbors, from the smallest denormal number to the largest number. */
const besidePowers = fc
  .tuple(fc.integer({ min: 0, max: 254 }), fc.integer({ min: -2, max: 2 }), fc.boolean())
  .map(([exponent, beside, isNegative]) =>
    floatOf(Math.max(1, exponent * 2 ** 23 + beside) + (isNegative ? 2 ** 31 : 0)),
  );

const within = (min: number, max: number) => fc.double({ min, max, noNaN: true }).map(Math.fround);
const floats = (...kinds: fc.Arbitrary<number>[]) => fc.array(fc.oneof(...kinds), { minLength: 1, maxLength: 130 });

/** Replaces infinity by the number that would follow the largest one. */
const limited = (value: number): number => Math.min(Math.max(value, -(2 ** 128)), 2 ** 128);

const isNegative = (value: number): boolean => value < 0 || Object.is(value, -0);

/** The distance of a result from the exact one, in units in the last place of the latter as a float. */
function ulps(found: number, exact: number): number {
  float[0] = exact;
  const exponent = Math.max(1, (word[0] >>> 23) & 255);
  return Math.abs(limited(found) - limited(exact)) / 2 ** (exponent - 150);
}

function expectNear(
  found: ArrayLike<number>,
  exact: readonly number[],
  most: number,
  of: (at: number) => string,
): void {
  exact.forEach((value, at) => {
    const isSpecial = value === 0 || !Number.isFinite(value);
    if (isSpecial) expect(found[at], of(at)).toBe(value);
    else {
      expect(ulps(found[at], value), `${of(at)} is ${found[at]}, not ${value}`).toBeLessThanOrEqual(most);
      // Also if the exact result underflows.
      expect(isNegative(found[at]), of(at)).toBe(value < 0);
    }
  });
}

const { NEGATIVE_INFINITY, NaN: nan, POSITIVE_INFINITY } = Number;

/** Floats next to multiples of π/2, where sine or cosine are small: by their size, a small or a large one. */
const multiples = fc
  .tuple(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), fc.integer({ min: 0, max: 24 }))
  .map(([n, shift]) => Math.fround(((n >> shift) * Math.PI) / 2));

const functions = [
  { name: 'exp', op: exp, exact: Math.exp, around: within(-105, 90) },
  { name: 'tanh', op: tanh, exact: Math.tanh, around: within(-10, 10) },
  { name: 'log', op: log, exact: Math.log, around: within(0.9, 1.1) },
  { name: 'sin', op: sin, exact: Math.sin, around: multiples },
  { name: 'cos', op: cos, exact: Math.cos, around: multiples },
  { name: 'tan', op: tan, exact: Math.tan, around: multiples },
  { name: 'expm1', op: expm1, exact: Math.expm1, around: within(-20, 90) },
  { name: 'log1p', op: log1p, exact: Math.log1p, around: within(-1, 2) },
  { name: 'erf', op: erf, exact: erfOf, around: within(-4.5, 4.5) },
] as const;

for (const { name, op, exact, around } of functions) {
  describe(name, () => {
    test.prop([floats(anyFloat, besidePowers, around)], { numRuns: 150 })(
      'is accurate to a few ulp everywhere',
      (values) => {
        // −0 is tested separately.
        const x = values.map((value) => (Object.is(value, -0) ? 0 : value));
        expectNear(op(tensor(x)).values, x.map(exact), accuracy[name], (at) => `${name}(${x[at]})`);
      },
    );

    test('equals JavaScript exactly for special values', () => {
      const x = [0, POSITIVE_INFINITY, NEGATIVE_INFINITY, nan, -1, 1, 3.4e38, -3.4e38];
      const special = x.filter((value) => !Number.isFinite(exact(value)) || Number.isInteger(exact(value)));
      expect([...op(tensor(special)).values]).toEqual(special.map(exact));
    });
  });
}

describe('softplus', () => {
  const exact = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

  test.prop([floats(anyFloat, besidePowers, within(-90, 30))], { numRuns: 150 })(
    'is accurate to a few ulp, and may be 0 where it would be denormal',
    (x) => {
      const normal = x.filter((value) => !(exact(value) < 2 ** -126));
      const found = softplus(tensor(normal)).values;
      expectNear(found, normal.map(exact), 4, (at) => `softplus(${normal[at]})`);
      const tiny = x.filter((value) => exact(value) < 2 ** -126);
      for (const y of softplus(tensor(tiny)).values) expect(y >= 0 && y <= 2 ** -126).toBe(true);
    },
  );
});

describe('exp and log', () => {
  test('treat −0 correctly', () => {
    expect([...exp(tensor([-0])).values]).toEqual([1]);
    expect([...log(tensor([-0])).values]).toEqual([NEGATIVE_INFINITY]);
  });

  test('cover the range from the smallest denormal number to the largest number', () => {
    const [smallest, largest] = [2 ** -149, floatOf(0x7f7fffff)];
    expect(exp(log(tensor([smallest]))).values[0]).toBe(smallest);
    expect([...exp(tensor([-103.97, -103.98, 88.73])).values]).toEqual([smallest, 0, POSITIVE_INFINITY]);
    expect(ulps(exp(tensor([88.72])).values[0], Math.exp(Math.fround(88.72)))).toBeLessThanOrEqual(accuracy.exp);
    expect([...log(tensor([smallest, largest])).values]).toEqual([smallest, largest].map(Math.log).map(Math.fround));
  });
});

describe('pow', () => {
  const checkPow = (pairs: readonly (readonly [number, number])[]): void => {
    const [a, b] = [0, 1].map((side) => pairs.map((pair) => pair[side]));
    const exact = a.map((base, at) => power(base, b[at]));
    expectNear(pow(tensor(a), tensor(b)).values, exact, accuracy.pow, (at) => `${a[at]} ** ${b[at]}`);
  };
  const pairs = (base: fc.Arbitrary<number>, exponent: fc.Arbitrary<number>) =>
    fc.array(fc.tuple(base, exponent), { minLength: 1, maxLength: 130 });

  // Powers of −∞ are tested separately, and only for integer exponents.
  const anyPair = pairs(fc.oneof(anyFloat, besidePowers), fc.oneof(anyFloat, besidePowers)).filter(
    (all) => !all.some(([base]) => base === NEGATIVE_INFINITY),
  );
  test.prop([anyPair], { numRuns: 100 })('is accurate to one ulp for any two floats', checkPow);

  test.prop([pairs(within(0, 20), within(-40, 40))], { numRuns: 100 })('is as accurate for moderate numbers', checkPow);

  test.prop([pairs(within(0.999, 1.001), within(-1e5, 1e5))], { numRuns: 100 })(
    'is as accurate for bases near 1',
    checkPow,
  );

  test.prop([pairs(within(-20, 0), fc.integer({ min: -40, max: 40 }))], { numRuns: 100 })(
    'has the right sign for negative bases',
    checkPow,
  );

  test('is exact for special values', () => {
    const bases = [0, -0, 1, -1, POSITIVE_INFINITY, nan, 2, -2, 0.5, -0.5, 2 ** -149, -(2 ** -149)];
    const exponents = [
      ...bases,
      NEGATIVE_INFINITY,
      3,
      -3,
      1.5,
      -1.5,
      2 ** 24 - 1,
      2 ** 24,
      1 - 2 ** 24,
      2 ** 25,
      3.4e38,
    ];
    const all = bases.flatMap((base) => exponents.map((exponent) => [base, exponent] as const));
    const whole = exponents.filter((exponent) => !(Math.abs(exponent % 1) > 0));
    const ofNegativeInfinity = whole.map((exponent) => [NEGATIVE_INFINITY, exponent] as const);
    checkPow([...all, ...ofNegativeInfinity]);
    // The results of IEEE 754. JavaScript differs for all but the last two.
    const [ones, others] = [
      [1, 1, -1, -1, nan, nan],
      [nan, POSITIVE_INFINITY, POSITIVE_INFINITY, NEGATIVE_INFINITY, 0, -0],
    ];
    expect([...pow(tensor(ones), tensor(others)).values]).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

describe('the activations', () => {
  /** The derivatives dy/dx, element by element. */
  function slopes(op: (x: Tensor) => Tensor, x: readonly number[]): number[] {
    const calls: RecordedCall[] = [];
    withRecorder({ record: (call) => calls.push(call) }, () => op(tensor(x)));
    const [rule] = calls[0].gradient!(ones([x.length]), calls[0].saved);
    return [...rule!().values];
  }

  test.prop([floats(anyFloat, besidePowers, within(-90, 20))], { numRuns: 150 })(
    'sigmoid is accurate to a few ulp, and may be 0 where it would be denormal',
    (x) => {
      const exact = (value: number) => 1 / (1 + Math.exp(-value));
      const normal = x.filter((value) => !(exact(value) < 2 ** -126));
      const found = sigmoid(tensor(normal)).values;
      expectNear(found, normal.map(exact), accuracy.sigmoid, (at) => `sigmoid(${normal[at]})`);
      const tiny = x.filter((value) => exact(value) < 2 ** -126);
      for (const y of sigmoid(tensor(tiny)).values) expect(y >= 0 && y <= 2 ** -126).toBe(true);
    },
  );

  const large = [20, 100, 1e3, 1e5, 1e10, 1e13];
  const huge = [1e14, 1e19, 1e20, 3e38];

  test('reach their limits for large numbers of either sign', () => {
    const negative = [...large, ...huge].map((x) => -x);
    for (const x of [...large, ...huge]) {
      expect([...sigmoid(tensor([x])).values, ...tanh(tensor([x, -x])).values]).toEqual([1, 1, -1]);
      expect(gelu(tensor([x])).values[0]).toBe(Math.fround(x));
    }
    for (const y of gelu(tensor(negative)).values) expect(Math.abs(y)).toBeLessThan(1e-30);
    for (const y of sigmoid(tensor(negative)).values) expect(y).toBeLessThan(3e-9);
    expect([...sigmoid(tensor([POSITIVE_INFINITY, NEGATIVE_INFINITY, nan])).values]).toEqual([1, 0, nan]);
    expect([...gelu(tensor([POSITIVE_INFINITY, nan])).values]).toEqual([POSITIVE_INFINITY, nan]);
  });

  test('have zero slope there, except gelu for positive numbers', () => {
    for (const op of [sigmoid, tanh]) {
      for (const slope of slopes(op, [...large, ...huge, POSITIVE_INFINITY])) expect(slope).toBe(0);
      for (const slope of slopes(
        op,
        [...large, ...huge].map((x) => -x),
      ))
        expect(slope).toBeLessThan(3e-9);
    }
    expect(slopes(gelu, large)).toEqual(large.map(() => 1));
    expect(
      slopes(
        gelu,
        large.map((x) => -x),
      ).map(Math.abs),
    ).toEqual(large.map(() => 0));
  });
});
