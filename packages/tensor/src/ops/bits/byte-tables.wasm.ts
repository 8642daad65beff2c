import { forRange, type I8x16, type I32, i8x16, i32, i64, store } from '../../wasm/assembler.js';

/** Bytes of the table of one tap: 256 entries of 8. */
export const tableBytes = 2048;

/**
 * Statements that make the tables of eight filters, one for each tap. Entry v has, in eight bytes, the number of signs
 * in the byte v that differ from each of the filters.
 *
 * Entry 0 counts the −1 of each filter. Each bit of v then adds or subtracts 1 for each filter that sees this bit. A
 * vector holds two entries.
 *
 * @param filters The address of the packed filters, with one word per tap.
 * @param vector The address of 16 bytes of scratch memory.
 */
export function makeByteTables(
  filters: I32,
  { taps, groupChannels }: { readonly taps: number; readonly groupChannels: number },
  tables: I32,
  vector: I32,
): void {
  const [source, table] = [i32.variable(filters, 'source'), i32.variable(tables, 'table')];
  const one = i8x16.const(1);
  forRange(0, i32.const(taps), 1, () => {
    // The bits of each filter, shifted to where its channels are in the byte.
    const bytes = Array.from({ length: 8 }, (_, filter) => {
      const group = Math.floor(filter / groupChannels) * groupChannels;
      const bits = i32.load8U(source, 4 * taps * filter).toI64U();
      return bits.shl(group + 8 * filter);
    });
    const joined = i64.variable(
      bytes.reduce((all, byte) => all.or(byte)),
      'joined',
    );
    for (const half of [0, 8]) store(vector, joined, half);
    const filterBits = i8x16.variable(i8x16.load(vector), 'filterBits');
    const isMinus = Array.from({ length: 8 }, (_, bit) => {
      const mask = i8x16.const(1 << bit);
      return i8x16.variable(filterBits.and(mask).eq(mask), `isMinus${bit}`);
    });
    const contribution = (bit: number): I8x16 => {
      // −1 if the filter is −1 there as well, else 1. Filters of other groups do not see the bit: 0.
      const seen = Array.from({ length: 16 }, (_, lane) => (sameGroup(lane % 8, bit, groupChannels) ? -1 : 0));
      return one
        .add(isMinus[bit])
        .add(isMinus[bit])
        .and(i8x16.const(...seen));
    };
    const minusOnes = isMinus.reduce<I8x16>((sum, minus) => sum.sub(minus), i8x16.const(0));
    const odd = i8x16.const(...Array.from({ length: 16 }, (_, lane) => (lane < 8 ? 0 : -1)));
    // The 16 entries that share their high four bits are eight vectors, to all of which the high bits add the same.
    const low = [i8x16.variable(minusOnes.add(contribution(0).and(odd)), 'low0')];
    for (const bit of [1, 2, 3]) {
      const more = i8x16.variable(contribution(bit), 'more');
      low.push(...low.map((entries) => i8x16.variable(entries.add(more), 'low')));
    }
    const high = [i8x16.variable(0, 'high0')];
    for (const bit of [4, 5, 6, 7]) {
      const more = i8x16.variable(contribution(bit), 'more');
      high.push(...high.map((entries) => i8x16.variable(entries.add(more), 'high')));
    }
    high.forEach((more, h) => {
      low.forEach((entries, l) => {
        store(table, entries.add(more), 16 * (low.length * h + l));
      });
    });
    source.set(source.add(4));
    table.set(table.add(tableBytes));
  });
}

const sameGroup = (a: number, b: number, size: number): boolean => Math.floor(a / size) === Math.floor(b / size);
