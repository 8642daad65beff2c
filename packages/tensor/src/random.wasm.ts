import { chunksOf } from './backends/cpu/dispatch.js';
import { withTemporary } from './backends/cpu/heap.js';
import { Kernel } from './backends/cpu/kernel.js';
import { bytesAt, doublesAt, floatsAt, memoryBuffer } from './backends/cpu/memory.js';
import { memoize } from './backends/memoize.js';
import { angleUnit, cosineSeries, logarithmSeries, rootHalf, sineSeries } from './box-muller.js';
import {
  type F64x2,
  f32x4,
  f64,
  f64x2,
  forRange,
  type I32,
  type I32x4,
  i32,
  i32x4,
  store,
  store8,
  storeFour,
  type Variable,
  when,
} from './wasm/assembler.js';

/** The distributions that a kernel draws from. Each number takes one word of random bits, or two. */
export type Distribution = 'uniform' | 'normal';

export const wordsPerNumber = { uniform: 1, normal: 2 } as const;

/** A Threefry key and the first counter, whose low word must not overflow while the numbers are drawn. */
export interface Stream {
  readonly key: readonly [number, number];
  readonly counter: number;
}

/** Fills an array, on the CPU's heap or elsewhere, with offset + scale · a number of the distribution. */
export function drawByKernel(
  distribution: Distribution,
  { key, counter }: Stream,
  values: Float32Array,
  [offset, scale]: readonly [number, number],
): void {
  const count = values.length;
  const items = Math.ceil(count / 4);
  const isOnHeap = values.buffer === memoryBuffer();
  withTemporary(16 + (isOnHeap ? 0 : values.byteLength), (constants) => {
    doublesAt(constants, 2).set([offset, scale]);
    const y = isOnHeap ? values.byteOffset : constants + 16;
    const args = { y, count, constants, key0: key[0], key1: key[1], low: counter | 0, high: counter / 2 ** 32 };
    drawKernel(distribution).run(args, items, { grain: chunksOf(items, distribution === 'normal' ? 80 : 20) });
    if (!isOnHeap) values.set(floatsAt(y, count));
  });
}

const drawKernel = memoize(
  (distribution: Distribution) =>
    new Kernel(
      `f32_draw_${distribution}__threefry`,
      { y: i32, count: i32, constants: i32, key0: i32, key1: i32, low: i32, high: i32 },
      ({ y, count, constants, key0, key1, low, high }, from, to) => {
        const offset = f64x2.variable(f64x2.splat(f64.load(constants)), 'offset');
        const scale = f64x2.variable(f64x2.splat(f64.load(constants, 8)), 'scale');
        const words = wordsPerNumber[distribution];
        const keys = extendedKey(key0, key1);
        const steps = i32x4.const(0, words, 2 * words, 3 * words);
        forRange(from, to, 1, (item) => {
          const first = i32x4.variable(i32x4.splat(low.add(item.mul(4 * words))).add(steps), 'first');
          const bits = (word: number): I32x4 =>
            i32x4.variable(
              threefryLanes(keys, first.add(i32x4.const(word)), i32x4.splat(high))[0].shrU(i32.const(8)),
              'bits',
            );
          const numbers = distribution === 'uniform' ? uniform(bits(0), scale) : normal(bits(0), bits(1), scale);
          const [lower, upper] = numbers.map((two) => offset.add(two).toF32x4Low());
          const four = f32x4.variable(lower.shuffle(upper, 0, 1, 4, 5), 'four');
          const target = i32.variable(y.add(item.mul(16)), 'target');
          const left = i32.variable(count.sub(item.mul(4)), 'left');
          when(
            left.geS(4),
            () => store(target, four),
            () => storeFour(target, four, left),
          );
        });
      },
    ),
);

/** Fills an array, on the CPU's heap or elsewhere, with 1 where a uniform number is below the probability, else 0. */
export function drawBitsByKernel({ key, counter }: Stream, values: Uint8Array, probability: number): void {
  const count = values.length;
  const items = Math.ceil(count / 16);
  const isOnHeap = values.buffer === memoryBuffer();
  withTemporary(16 + (isOnHeap ? 0 : count), (lastItem) => {
    const y = isOnHeap ? values.byteOffset : lastItem + 16;
    // k / 2²⁴ < p exactly if k < ⌈p · 2²⁴⌉.
    const bound = Math.ceil(probability * 2 ** 24);
    const args = { y, count, lastItem, bound, key0: key[0], key1: key[1], low: counter | 0, high: counter / 2 ** 32 };
    drawBitsKernel.run(args, items, { grain: chunksOf(items, 80) });
    if (!isOnHeap) values.set(bytesAt(y, count));
  });
}

const drawBitsKernel = new Kernel(
  'u8_draw_bernoulli__threefry',
  { y: i32, count: i32, lastItem: i32, bound: i32, key0: i32, key1: i32, low: i32, high: i32 },
  ({ y, count, lastItem, bound, key0, key1, low, high }, from, to) => {
    const keys = extendedKey(key0, key1);
    forRange(from, to, 1, (item) => {
      const ones = [0, 4, 8, 12].map((at) => {
        const first = i32x4.splat(low.add(item.mul(16)).add(at)).add(i32x4.const(0, 1, 2, 3));
        const bits = threefryLanes(keys, i32x4.variable(first, 'first'), i32x4.splat(high))[0].shrU(i32.const(8));
        return i32x4.variable(i32x4.splat(bound).gtS(bits).and(i32x4.const(1)), 'ones');
      });
      const sixteen = ones[0].narrowS(ones[1]).narrowS(ones[2].narrowS(ones[3]));
      const target = i32.variable(y.add(item.mul(16)), 'target');
      const left = i32.variable(count.sub(item.mul(16)), 'left');
      when(
        left.geS(16),
        () => store(target, sixteen),
        () => {
          store(lastItem, sixteen);
          forRange(0, left, 1, (at) => store8(target.add(at), i32.load8U(lastItem.add(at))));
        },
      );
    });
  },
);

/** The key of `threefryLanes`: the two words, and the one that follows from them, in all lanes. */
export const extendedKey = (key0: I32, key1: I32): Variable<I32x4>[] =>
  [key0, key1, key0.xor(key1).xor(0x1bd11bda)].map((key) => i32x4.variable(i32x4.splat(key), 'key'));

/** Both words of four Threefry blocks: see `encrypt` in random.ts. */
export function threefryLanes(keys: readonly I32x4[], low: I32x4, high: I32x4): [Variable<I32x4>, Variable<I32x4>] {
  const x = i32x4.variable(low.add(keys[0]), 'x');
  const y = i32x4.variable(high.add(keys[1]), 'y');
  for (let group = 1; group <= 5; group++) {
    for (const bits of group % 2 === 1 ? [13, 15, 26, 6] : [17, 29, 16, 24]) {
      x.set(x.add(y));
      y.set(
        y
          .shl(i32.const(bits))
          .or(y.shrU(i32.const(32 - bits)))
          .xor(x),
      );
    }
    x.set(x.add(keys[group % 3]));
    y.set(y.add(keys[(group + 1) % 3]).add(i32x4.const(group)));
  }
  return [x, y];
}

/** Two pairs of numbers, from four. */
type Pairs = readonly [F64x2, F64x2];

const upperHalf = (x: I32x4): I32x4 => x.as(f32x4).shuffle(x.as(f32x4), 2, 3, 2, 3).as(i32x4);

const inPairs = (x: I32x4, of: (two: I32x4) => F64x2): Pairs => [of(x), of(i32x4.variable(upperHalf(x), 'upper'))];

function uniform(bits: I32x4, scale: F64x2): Pairs {
  return inPairs(bits, (two) => scale.mul(two.toF64x2LowS().mul(f64x2.const(2 ** -24))));
}

/** The steps of `boxMuller`. */
function normal(first: I32x4, second: I32x4, scale: F64x2): Pairs {
  // The exponent and the mantissa are read from the bits of a float, which is exact.
  const k = i32x4
    .const(2 ** 24)
    .sub(first)
    .toF32x4S()
    .as(i32x4);
  const shifted = i32x4.variable(k.add(i32x4.const(bitsOfOne - bitsOfRootHalf)), 'shifted');
  const mantissas = shifted.and(i32x4.const(0x7fffff)).add(i32x4.const(bitsOfRootHalf));
  const mantissaBits = i32x4.variable(mantissas, 'mantissas');
  const exponents = i32x4.variable(shifted.shrS(i32.const(23)).sub(i32x4.const(127 + 24)), 'exponents');
  const quarters = i32x4.variable(second.add(i32x4.const(2 ** 21)).shrU(i32.const(22)), 'quarters');
  const rests = i32x4.variable(second.sub(quarters.shl(i32.const(22))), 'rests');
  const pair = (half: (x: I32x4) => I32x4): F64x2 => {
    const m = f64x2.variable(half(mantissaBits).as(f32x4).toF64x2Low(), 'mantissa');
    const s = f64x2.variable(m.sub(f64x2.const(1)).div(m.add(f64x2.const(1))), 's');
    const exponent = half(exponents).toF64x2LowS();
    const logarithm = exponent.mul(f64x2.const(Math.LN2)).add(s.mul(polynomial(s.mul(s), logarithmSeries)));
    const radius = f64x2.const(-2).mul(logarithm).sqrt();
    return scale.mul(radius).mul(cosine(half(quarters), half(rests)));
  };
  return [pair((x) => x), pair(upperHalf)];
}

/** The bits of 1 and of √½ as floats. */
const [bitsOfOne, bitsOfRootHalf] = new Int32Array(Float32Array.of(1, rootHalf).buffer);

/** The cosines of two angles, from the lower lanes. */
function cosine(quarters: I32x4, rests: I32x4): F64x2 {
  const t = f64x2.variable(rests.toF64x2LowS().mul(f64x2.const(angleUnit)), 't');
  const square = f64x2.variable(t.mul(t), 'square');
  // Each lane twice, since those of doubles are twice as wide.
  const q = i32x4.variable(quarters.as(f32x4).shuffle(quarters.as(f32x4), 0, 0, 1, 1).as(i32x4), 'q');
  const isOdd = i32x4.const(0).sub(q.and(i32x4.const(1)));
  const value = t.mul(polynomial(square, sineSeries)).where(isOdd, polynomial(square, cosineSeries));
  const signBit = q
    .add(i32x4.const(1))
    .and(i32x4.const(0, 2, 0, 2))
    .shl(i32.const(30));
  return value.xor(signBit.as(f64x2));
}

function polynomial(x: F64x2, coefficients: readonly number[]): F64x2 {
  const power = f64x2.variable(x, 'power');
  const sum: Variable<F64x2> = f64x2.variable(coefficients[0], 'sum');
  for (const coefficient of coefficients.slice(1)) sum.set(sum.mul(power).add(f64x2.const(coefficient)));
  return sum;
}
