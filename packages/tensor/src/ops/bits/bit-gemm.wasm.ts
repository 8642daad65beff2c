import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import { wordsPerRow } from '../../bit-tensor.js';
import { range } from '../../range.js';
import {
  forRange,
  type I32,
  type I64,
  i32,
  i64,
  store,
  store8,
  store16,
  type Variable,
  when,
} from '../../wasm/assembler.js';

/**
 * Element types of a product of rows of signs. i32 and i16 hold the dot product, which lies between −signs and signs.
 * u8 holds the number of differing signs, from which the dot product follows as signs − 2·differences.
 */
export type CountDType = 'i32' | 'i16' | 'u8';

/** Statement that stores an element of the product, from the number of differing signs. */
export function storeCount(dtype: CountDType, address: I32, signs: I32, differences: I32, offset: number): void {
  if (dtype === 'u8') {
    store8(address, differences, offset);
    return;
  }
  const count = signs.sub(differences.shl(1));
  if (dtype === 'i16') store16(address, count, offset);
  else store(address, count, offset);
}

/** Bytes of an element. */
export const countBytes = (dtype: CountDType): number => ({ i32: 4, i16: 2, u8: 1 })[dtype];

/** Rows of a in registers, and rows of b per iteration of the inner loop. */
const tileRows = 2;
const tileColumns = 8;

/** Longest row, in 64-bit words, that is kept in registers. */
const maxWords = 32;

/** The same in signs. Popcounts of longer rows take twice as long. */
export const maxUnrolledSigns = 64 * maxWords;

/** A tensor, or a part of one. */
interface Address {
  readonly address: number;
}

/** A product of two matrices of signs, whose rows are packed one after the other. */
export interface BitGemm {
  /** Rows of a, and rows of b. */
  readonly m: number;
  readonly n: number;
  /** Signs per row, at least 1. */
  readonly signs: number;
  readonly a: Address;
  readonly b: Address;
  /** [m, n] */
  readonly y: Address & { readonly dtype: CountDType };
}

/** The product by popcounts of 64 bits, for all shapes. */
export function bitGemmByPopcounts({ m, n, signs, a, b, y }: BitGemm): void {
  const { dtype } = y;
  const words = wordsPerRow(signs);
  const kernel = words <= 2 * maxWords ? unrolledKernel(words, dtype) : loopKernel(dtype);
  const nanosecondsPerRow = 2 + (n * words) / 5;
  kernel.run({ a, b, y, n, signs, rowBytes: 4 * words }, m, { grain: chunksOf(m, nanosecondsPerRow) });
}

const parameters = { a: i32, b: i32, y: i32, n: i32, signs: i32, rowBytes: i32 };

/**
 * Keeps two rows of a in registers and loops over the rows of b: one load, xor, popcount and add for 64 signs of each.
 */
const unrolledKernel = memoize(
  (words: number, dtype: CountDType) =>
    new Kernel(`bits_gemm_w${words}_${dtype}_2x8__popcnt64`, parameters, ({ a, b, y, n, signs }, from, to) => {
      const bytes = countBytes(dtype);
      const rowBytes = 4 * words;
      const steps = Math.ceil(words / 2);
      /** 64 bits of a row, or its last 32. */
      const word = (row: I32, step: number, offset = 0): I64 =>
        2 * step + 1 < words ? i64.load(row, offset + 8 * step) : i64.load32U(row, offset + 8 * step);

      const rows = (first: I32, count: number): void => {
        const aAt = i32.variable(a.add(first.mul(rowBytes)), 'aAt');
        const bAt = i32.variable(b, 'bAt');
        const own = range(count).map((r) =>
          range(steps).map((s) => i64.variable(word(aAt, s, r * rowBytes), `a${r}_${s}`)),
        );
        const yAt = range(count).map((r) => i32.variable(y.add(first.add(r).mul(n).mul(bytes)), `yAt${r}`));
        const others = range(steps).map((s) => i64.variable(undefined, `b_${s}`));
        const columns = (count: number): void => {
          for (let column = 0; column < count; column++) {
            for (const [s, other] of others.entries()) other.set(word(bAt, s, column * rowBytes));
            for (const [r, words] of own.entries()) {
              const differences = words.map((word, s) => word.xor(others[s]).popcnt()).reduce((sum, d) => sum.add(d));
              storeCount(dtype, yAt[r], signs, differences.toI32(), column * bytes);
            }
          }
          bAt.set(bAt.add(count * rowBytes));
          for (const at of yAt) at.set(at.add(count * bytes));
        };
        const whole = i32.variable(n.and(-tileColumns), 'whole');
        forRange(0, whole, tileColumns, () => columns(tileColumns));
        forRange(whole, n, 1, () => columns(1));
      };
      forRange(from, to, tileRows, (row) => {
        when(
          row.add(1).ltS(to),
          () => rows(row, tileRows),
          () => rows(row, 1),
        );
      });
    }),
);

/** For rows that are too long for registers: compares each word of a row of a with the words of 8 rows of b. */
const loopKernel = memoize(
  (dtype: CountDType) =>
    new Kernel(`bits_gemm_${dtype}_1x8__popcnt64`, parameters, ({ a, b, y, n, signs, rowBytes }, from, to) => {
      const bytes = countBytes(dtype);
      const differences = range(tileColumns).map((column) => i64.variable(undefined, `d${column}`));
      const columns = (aAt: Variable<I32>, bAt: Variable<I32>, yAt: Variable<I32>, sums: Variable<I64>[]): void => {
        for (const sum of sums) sum.set(i64.const(0));
        const compare = (load: (at: I32) => I64, offset: I32): void => {
          const word = i64.variable(load(aAt.add(offset)), 'word');
          const at = i32.variable(bAt.add(offset), 'at');
          for (const sum of sums) {
            sum.set(sum.add(word.xor(load(at)).popcnt()));
            at.set(at.add(rowBytes));
          }
        };
        const whole = i32.variable(rowBytes.and(-8), 'wholeWords');
        forRange(0, whole, 8, (offset) => compare((at) => i64.load(at), offset));
        when(rowBytes.and(4), () => compare((at) => i64.load32U(at), whole));
        for (const [column, sum] of sums.entries()) {
          storeCount(dtype, yAt, signs, sum.toI32(), column * bytes);
        }
        bAt.set(bAt.add(rowBytes.mul(sums.length)));
        yAt.set(yAt.add(sums.length * bytes));
      };
      forRange(from, to, 1, (row) => {
        const aAt = i32.variable(a.add(row.mul(rowBytes)), 'aAt');
        const bAt = i32.variable(b, 'bAt');
        const yAt = i32.variable(y.add(row.mul(n).mul(bytes)), 'yAt');
        const whole = i32.variable(n.and(-tileColumns), 'whole');
        forRange(0, whole, tileColumns, () => columns(aAt, bAt, yAt, differences));
        forRange(whole, n, 1, () => columns(aAt, bAt, yAt, differences.slice(0, 1)));
      });
    }),
);
