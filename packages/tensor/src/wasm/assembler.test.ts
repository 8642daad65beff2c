import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { range } from '../range.js';
import {
  assemble,
  atomicAdd,
  breakable,
  f32,
  f32x4,
  f64,
  f64x2,
  forever,
  forRange,
  type I32,
  i8x16,
  i16x8,
  i32,
  i32x4,
  i64,
  repeat,
  select,
  store,
  store8,
  store16,
  storeHalf,
  storeLane,
  transpose4x4,
  when,
} from './assembler.js';

/** Assembles a function and runs it over a memory of 128 KiB that starts with `words`. Returns the final words. */
function run(words: readonly number[], body: (...parameters: I32[]) => void, ...args: number[]): Int32Array {
  const bytes = assemble(
    'f',
    args.map((_, index) => `p${index}`),
    { shared: true, maximumPages: 2 },
    body,
  );
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
  new Int32Array(memory.buffer).set(words);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  (exports.run as (...args: number[]) => void)(...args);
  return new Int32Array(memory.buffer);
}

const floats = (words: Int32Array): Float32Array => new Float32Array(words.buffer);
const bitsOf = (...values: number[]): number[] => [...new Int32Array(Float32Array.from(values).buffer)];
const zero = i32.const(0);

describe('constants and addresses', () => {
  test.prop([fc.integer()])('encode any i32', (value) => {
    expect(run([], () => store(zero, i32.const(value)))[0]).toBe(value);
  });

  test.prop([fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n })])('encode i64', (value) => {
    const words = run([], () => store(zero, i64.const(Number(value))));
    expect(new BigInt64Array(words.buffer)[0]).toBe(value);
  });

  test.prop([fc.float(), fc.double()])('encode floats', (single, double) => {
    const { buffer } = run([], () => {
      store(zero, f32.const(single));
      store(zero, f64.const(double), 8);
    });
    expect(new Float32Array(buffer)[0]).toBe(single);
    expect(new Float64Array(buffer)[1]).toBe(double);
  });

  test.prop([fc.nat({ max: 130_000 })])('reach any byte by an offset', (offset) => {
    const words = run([], (address) => store8(address, i32.const(7), offset), 0);
    expect(new Uint8Array(words.buffer)[offset]).toBe(7);
  });
});

describe('integers', () => {
  test.prop([fc.integer(), fc.integer({ min: 1 })])('behave as in C', (a, b) => {
    const results = run(
      [],
      (a, b) => {
        const values = [
          ...[a.add(b), a.sub(b), a.mul(b), a.divU(b), a.remU(b), a.and(b), a.or(b), a.xor(b)],
          ...[a.shl(b), a.shrU(b), a.popcnt(), a.eq(b), a.ne(b), a.ltS(b), a.ltU(b), a.gtS(b), a.geS(b), a.minU(b)],
        ];
        values.forEach((value, index) => {
          store(zero, value, 4 * index);
        });
      },
      a,
      b,
    );
    const u = a >>> 0;
    const ones = [...u.toString(2)].filter((digit) => digit === '1').length;
    expect([...results.subarray(0, 18)]).toEqual([
      ...[(a + b) | 0, (a - b) | 0, Math.imul(a, b), Math.floor(u / b) | 0, (u % b) | 0, a & b, a | b, a ^ b],
      ...[a << b, (a >>> b) | 0, ones, +(a === b), +(a !== b), +(a < b), +(u < b), +(a > b), +(a >= b), u < b ? a : b],
    ]);
  });

  test.prop([fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 2n ** 64n - 1n)])('of 64 bits do, too', (a, b) => {
    const { buffer } = run(
      [Number(a & 0xffffffffn) | 0, Number(a >> 32n) | 0, Number(b & 0xffffffffn) | 0, Number(b >> 32n) | 0],
      () => {
        const [x, y] = [i64.load(zero), i64.load(zero, 8)];
        store(zero, x.xor(y).popcnt(), 16);
        store(zero, x.add(y), 24);
        store(zero, x.toI32(), 32);
        store(zero, i64.load32U(zero, 4), 40);
        store(zero, i32.load(zero).toI64U(), 48);
      },
    );
    const results = new BigUint64Array(buffer);
    const ones = BigInt([...(a ^ b).toString(2)].filter((digit) => digit === '1').length);
    expect([...results.subarray(2, 4)]).toEqual([ones, BigInt.asUintN(64, a + b)]);
    expect(Number(results[4])).toBe(Number(a & 0xffffffffn));
    expect([results[5], results[6]]).toEqual([a >> 32n, a & 0xffffffffn]);
  });

  test('narrow loads and stores access part of a word', () => {
    const words = run([0x8081_82fe | 0], () => {
      store(zero, i32.load8U(zero), 4);
      store(zero, i32.load16U(zero), 8);
      store(zero, i32.load16S(zero), 12);
      store16(zero, i32.const(0x12345), 16);
      store8(zero, i32.const(0x167), 20);
    });
    expect([...words.subarray(1, 6)]).toEqual([0xfe, 0x82fe, 0x82fe - 0x10000, 0x2345, 0x67]);
  });

  test('an atomic addition returns the previous value', () => {
    const words = run([5], () => store(zero, atomicAdd(zero, i32.const(3)), 4));
    expect([...words.subarray(0, 2)]).toEqual([8, 5]);
  });
});

describe('lanes', () => {
  const four = fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: -100, max: 100 })));

  test.prop([four, four])('compute independently', (a, b) => {
    const results = floats(
      run([...bitsOf(...a, ...b)], () => {
        const [x, y] = [f32x4.load(zero), f32x4.load(zero, 16)];
        const one = f32x4.const(1);
        const values = [
          ...[x.add(y), x.sub(y), x.mul(y), x.min(y), x.max(y), x.abs(), x.neg(), x.addMul(x, y), x.subMul(x, y)],
          ...[one.and(x.lt(y)), one.andNot(x.lt(y)), x.where(x.gt(y), y), x.whereTrue(x.lt(y), y)],
        ];
        values.forEach((value, index) => {
          store(zero, value, 32 + 16 * index);
        });
      }),
    );
    const expected = [
      ...[(x: number, y: number) => x + y, (x: number, y: number) => x - y, (x: number, y: number) => x * y],
      ...[Math.min, Math.max, Math.abs, (x: number) => 0 - x, (x: number, y: number) => x + x * y],
      (x: number, y: number) => x - x * y,
      ...[(x: number, y: number) => +(x < y), (x: number, y: number) => +(x >= y), Math.max, Math.min],
    ].flatMap((f) => a.map((x, lane) => f(x, b[lane]) + 0));
    expect([...results.subarray(8, 8 + expected.length)].map((value) => value + 0)).toEqual(expected);
  });

  test('are widened and narrowed', () => {
    const words = run([1, -2, 70_000, -70_000], () => {
      const x = i32x4.load(zero);
      const narrow = x.narrowS(x);
      store(zero, narrow, 16);
      store(zero, narrow.toI32x4LowS(), 32);
      store(zero, narrow.narrowS(narrow), 64);
      store(zero, x.toF32x4S(), 80);
      store(zero, f32x4.const(1.4, -1.6, 2.5, 1e20).toI32x4(), 96);
      store(zero, f32x4.const(1.25, -3, 7, 8).toF64x2Low().toF32x4Low(), 112);
      store(zero, narrow.narrowU(narrow), 128);
      store(zero, i32x4.loadSplat(zero, 4), 144);
      const bytes = i8x16.const(...Array.from({ length: 16 }, (_, lane) => 250 + lane));
      store(zero, bytes.toI16x8LowU(), 160);
      store(zero, bytes.toI16x8HighU(), 176);
      store(zero, i8x16.loadSplat(zero, 8), 192);
    });
    const short = [1, -2, 32767, -32768];
    expect([...new Int16Array(words.buffer, 16, 8)]).toEqual([...short, ...short]);
    expect([...words.subarray(8, 12)]).toEqual(short);
    expect([...new Int8Array(words.buffer, 64, 4)]).toEqual([1, -2, 127, -128]);
    expect([...new Uint8Array(words.buffer, 128, 4)]).toEqual([1, 0, 255, 0]);
    expect([...words.subarray(36, 40)]).toEqual([-2, -2, -2, -2]);
    expect([...new Int16Array(words.buffer, 160, 16)]).toEqual([250, 251, 252, 253, 254, 255, ...range(10)]);
    expect([...new Uint8Array(words.buffer, 192, 16)]).toEqual(new Array(16).fill(70_000 & 255));
    expect([...floats(words).subarray(20, 24)]).toEqual([1, -2, 70_000, -70_000]);
    expect([...words.subarray(24, 28)]).toEqual([1, -2, 2, 2 ** 31 - 1]);
    expect([...floats(words).subarray(28, 32)]).toEqual([1.25, -3, 0, 0]);
  });

  test('give bitmasks, shuffle, and are stored in part', () => {
    const words = run([1, 2, 3, 4, 5, 6, 7, 8], () => {
      const [a, b] = [f32x4.load(zero), f32x4.load(zero, 16)];
      store(zero, a.shuffle(b, 7, 0, 5, 2), 32);
      store(zero, i32x4.load(zero).gtS(i32x4.const(2)).bitmask(), 48);
      store(zero, i8x16.const(3).popcnt(), 64);
      store(zero, i8x16.const(9, ...new Array<number>(15).fill(1)).swizzle(i8x16.const(0)), 80);
      storeLane(zero, b, 3, 108);
      store(zero, i8x16.const(-16).shrU(i32.const(3)), 128);
      store(zero, i16x8.const(-16).shrU(i32.const(3)), 144);
      store(zero, i8x16.const(...range(16)).swizzleBelow16(i8x16.const(...range(16).reverse())), 160);
      storeHalf(zero, i32x4.const(1, 2, 3, 4), 1, 176);
      storeHalf(zero, i32x4.const(1, 2, 3, 4), 0, 184);
      const bytes = i8x16.const(...Array.from({ length: 16 }, (_, at) => 240 + at));
      store(zero, bytes.toI16x8LowU(), 192);
      store(zero, bytes.toI16x8HighU(), 208);
      store(zero, i16x8.const(1, 2, 3, 4, 5, 6, 7, 8).shl(i32.const(1)), 112);
    });
    expect([...words.subarray(8, 13)]).toEqual([8, 1, 6, 3, 0b1100]);
    expect([...new Uint8Array(words.buffer, 64, 17)]).toEqual([...new Array(16).fill(2), 9]);
    expect([...words.subarray(24, 28)]).toEqual([0, 0, 0, 8]);
    expect([...new Uint8Array(words.buffer, 128, 16)]).toEqual(new Array(16).fill(0xf0 >> 3));
    expect([...new Uint16Array(words.buffer, 144, 8)]).toEqual(new Array(8).fill(0xfff0 >> 3));
    expect([...new Uint8Array(words.buffer, 160, 16)]).toEqual(range(16).reverse());
    expect([...new Int16Array(words.buffer, 112, 8)]).toEqual([2, 4, 6, 8, 10, 12, 14, 16]);
    expect([...words.subarray(44, 48)]).toEqual([3, 4, 1, 2]);
    expect([...new Int16Array(words.buffer, 192, 16)]).toEqual(Array.from({ length: 16 }, (_, at) => 240 + at));
  });

  test('are rounded', () => {
    const words = run([], () => {
      const x = f32x4.const(-1.5, -0.25, 2.5, 2.75);
      [x.ceil(), x.floor(), x.trunc(), x.nearest()].forEach((rounded, row) => {
        store(zero, rounded, 16 * row);
      });
      store(zero, f64x2.const(-1.5, 2.5).trunc(), 64);
      store(zero, f64x2.const(-1.5, 2.5).nearest(), 80);
      store(zero, i64.const(-(2 ** 40)).toF64S(), 96);
      store(zero, i32x4.const(0, 0, 4, 0).anyTrue(), 104);
      store(zero, i32x4.const(0).anyTrue(), 108);
    });
    const rounded = [
      [-1, -0, 3, 3],
      [-2, -1, 2, 2],
      [-1, -0, 2, 2],
      [-2, -0, 2, 3],
    ];
    expect([...floats(words).subarray(0, 16)]).toEqual(rounded.flat());
    expect([...new Float64Array(words.buffer, 64, 5)]).toEqual([-1, 2, -2, 2, -(2 ** 40)]);
    expect([...words.subarray(26, 28)]).toEqual([1, 0]);
  });

  test('are transposed', () => {
    const words = run(
      Array.from({ length: 16 }, (_, i) => i),
      () => {
        const rows = [0, 16, 32, 48].map((at) => f32x4.variable(f32x4.load(zero, at)));
        transpose4x4(rows).forEach((column, index) => {
          store(zero, column, 64 + 16 * index);
        });
      },
    );
    expect([...words.subarray(16, 32)]).toEqual([0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]);
  });
});

describe('control flow', () => {
  test.prop([fc.integer({ min: 1, max: 300 })], { numRuns: 20 })('repeats the given number of times', (count) => {
    const words = run([], (times) => repeat(i32.variable(times), () => store(zero, i32.load(zero).add(1))), count);
    expect(words[0]).toBe(count);
  });

  test.prop([fc.integer({ min: -5, max: 20 }), fc.integer({ min: -5, max: 20 }), fc.integer({ min: 1, max: 5 })])(
    'iterates over a range, which may be empty',
    (from, to, step) => {
      const words = run(
        [],
        (from, to, step) => {
          forRange(from, to, step, (i) => {
            store(i32.load(zero).mul(4), i, 4);
            store(zero, i32.load(zero).add(1));
          });
        },
        from,
        to,
        step,
      );
      const expected = [];
      for (let i = from; i < to; i += step) expected.push(i);
      expect([...words.subarray(0, 1 + expected.length)]).toEqual([expected.length, ...expected]);
    },
  );

  test.prop([fc.boolean()])('takes the branch of the condition', (yes) => {
    const words = run(
      [],
      (condition) => {
        when(
          condition,
          () => store(zero, i32.const(1)),
          () => store(zero, i32.const(2)),
        );
        when(condition, () => store(zero, i32.const(3), 4));
        store(zero, select(condition, i32.const(4), i32.const(5)), 8);
      },
      Number(yes),
    );
    expect([...words.subarray(0, 3)]).toEqual(yes ? [1, 3, 4] : [2, 0, 5]);
  });

  test('exits a loop from inside nested conditions', () => {
    const words = run([], () => {
      breakable((exit) => {
        forever(() => {
          store(zero, i32.load(zero).add(1));
          when(i32.load(zero).geS(5), () => when(i32.const(1), exit));
        });
      });
      store(zero, i32.const(9), 4);
    });
    expect([...words.subarray(0, 2)]).toEqual([5, 9]);
  });
});

describe('functions', () => {
  test('have separate locals, also more than 127', () => {
    const words = run([], () => {
      const locals = Array.from({ length: 200 }, (_, index) => i32.variable(index));
      locals.forEach((local, index) => {
        store(zero, local, 4 * index);
      });
    });
    expect([...words.subarray(0, 200)]).toEqual(Array.from({ length: 200 }, (_, index) => index));
  });

  test('contain all statements, and no other functions', () => {
    expect(() => store(zero, zero)).toThrow('only allowed inside a function body');
    const inside = () => assemble('g', [], { shared: true, maximumPages: 1 }, () => {});
    expect(() => assemble('f', [], { shared: true, maximumPages: 1 }, inside)).toThrow('inside another');
    // The failure leaves no function open.
    expect(run([], () => store(zero, i32.const(1)))[0]).toBe(1);
  });

  test('with wrong types do not compile', () => {
    expectTypeOf(i32.const(1).add(2)).toEqualTypeOf<I32>();
    // @ts-expect-error an i32 cannot take an f32
    expect(() => run([], () => store(zero, i32.const(1).add(f32.const(1))))).toThrow();
    // @ts-expect-error lanes of floats have no bits to count
    expect(() => f32x4.const(1).popcnt()).toThrow();
  });
});
