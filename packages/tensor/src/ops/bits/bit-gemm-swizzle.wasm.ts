import { forRange, type I8x16, i8x16, i16x8, i32, repeat, store, whileTrue } from '../../wasm/assembler.js';
import { byLanes, type LaneCounter, tileRows } from './bit-gemm-lanes.wasm.js';

// Four signs of a row of a differ from four signs of a row of b in 0 to 4 places. With the four signs of b as an index,
// that is a table of 16 bytes, which fits into a register, and a swizzle looks up 16 rows of b in it at once.
//
// The number takes only half a byte. So the tables of two rows of a are joined into one: the low half of an entry
// counts for the first row, and the high half for the second. Three lookups add up to at most 12, which a half can
// hold; only then are the halves separated. So a lookup serves two rows of a, that is 128 pairs of signs.

const pairs = tileRows / 2;

/** Lookups before the halves are separated. */
const lookups = 3;

/** Bytes of the tables for every eight signs: four of a row and four of the next. */
const allTablesBytes = 256 * 16;

/** The number of ones among the four bits of v. */
const ones = (v: number): number => [1, 2, 4, 8].filter((bit) => v & bit).length;

/** For each row of b: the number of places where it differs from a. */
const tableOf = (a: number, factor: number): I8x16 =>
  i8x16.const(...Array.from({ length: 16 }, (_, b) => factor * ones(a ^ b)));

const swizzle: LaneCounter = {
  instruction: 'swizzle',
  signsPerByte: 4,
  vectorsPerStep: lookups,
  maxSteps: Math.floor(255 / (4 * lookups)),
  scratchBytes: (steps) => allTablesBytes + 16 * pairs * lookups * (steps + 1),

  begin(scratch, rowBytes) {
    // The table at 16·(first + 16·second) is for the four signs `first` of a row and `second` of the next one.
    for (let v = 0; v < 16; v++) store(scratch, tableOf(v, 1), 16 * v);
    const second = i8x16.variable(undefined, 'second');
    // Those of second = 0 are read by all, so they come last.
    for (let v = 15; v >= 0; v--) {
      second.set(tableOf(v, 16));
      forRange(scratch, scratch.add(256), 16, (at) => store(at, i8x16.load(at).add(second), 256 * v));
    }
    const tables = i32.variable(scratch.add(allTablesBytes), 'tables');
    const tableAt = i32.variable(tables, 'tableAt');
    const [low, high] = [i8x16, i16x8].map((type, half) =>
      Array.from({ length: pairs }, (_, pair) => type.variable(undefined, `${half === 0 ? 'low' : 'high'}${pair}`)),
    ) as [ReturnType<typeof i8x16.variable>[], ReturnType<typeof i16x8.variable>[]];
    const left = i32.variable(undefined, 'left');

    return {
      compareWith(rows) {
        for (let pair = 0; pair < pairs; pair++) {
          const [first, second] = rows.slice(2 * pair);
          const end = i32.variable(first.add(rowBytes), 'end');
          const at = i32.variable(tables.add(16 * pair), 'at');
          whileTrue(
            () => first.ltU(end),
            () => {
              const [f, s] = [i32.variable(i32.load(first), 'f'), i32.variable(i32.load(second), 's')];
              const mask = 0x0f0f0f0f;
              // Each byte of these is the number of a table.
              const lowHalves = i32.variable(f.and(mask).or(s.and(mask).shl(4)), 'lowHalves');
              const highHalves = i32.variable(f.shrU(4).and(mask).or(s.and(~mask)), 'highHalves');
              for (let byte = 0; byte < 4; byte++) {
                [lowHalves, highHalves].forEach((numbers, half) => {
                  const offset = (byte === 0 ? numbers.shl(4) : numbers.shrU(8 * byte - 4)).and(0xff0);
                  store(at, i8x16.load(scratch.add(offset)), 16 * pairs * (2 * byte + half));
                });
              }
              first.set(first.add(4));
              second.set(second.add(4));
              at.set(at.add(16 * pairs * 8));
            },
          );
          // The vectors of b that complete the last step are 0, and so is the number of differences from +1.
          for (let vector = 0; vector < lookups - 1; vector++) store(at, i8x16.load(scratch), 16 * pairs * vector);
        }
      },

      restart: () => tableAt.set(tables),

      count(steps, laneAt) {
        for (const sum of low) sum.set(i8x16.const(0));
        for (const sum of high) sum.set(i16x8.const(0));
        left.set(steps);
        repeat(left, () => {
          const indices = Array.from({ length: lookups }, (_, vector) =>
            i8x16.variable(i8x16.load(laneAt, 16 * vector), `indices${vector}`),
          );
          for (let pair = 0; pair < pairs; pair++) {
            const differences = i8x16.variable(
              indices
                .map((index, vector) => i8x16.load(tableAt, 16 * (pairs * vector + pair)).swizzleBelow16(index))
                .reduce((sum, found) => sum.add(found)),
              'differences',
            );
            low[pair].set(low[pair].add(differences.and(i8x16.const(15))));
            // There is no shift of bytes on x86. That of 16 bits moves low halves of odd bytes into even ones.
            high[pair].set(high[pair].add(differences.as(i16x8).shrU(i32.const(4))));
          }
          tableAt.set(tableAt.add(16 * pairs * lookups));
          laneAt.set(laneAt.add(16 * lookups));
        });
        return low.flatMap((sum, pair) => {
          // The low halves of odd bytes were added to `high` as well, 16 times.
          const excess = sum.as(i16x8).shrU(i32.const(4)).and(i16x8.const(0x0ff0));
          return [sum, high[pair].sub(excess).as(i8x16)];
        });
      },
    };
  },
};

export const bitGemmBySwizzle = byLanes(swizzle);
