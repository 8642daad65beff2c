import { range } from '../../range.js';
import { forRange, type I8x16, type I32, type I64, i8x16, i32, i64, store } from '../../wasm/assembler.js';

/**
 * Tables of the signs that differ, one for each column of taps. A byte of the image selects an entry, which has eight
 * counts for each row of taps: how many signs in the byte differ from each of eight filters.
 */
export interface TableShape {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly groupChannels: number;
}

/**
 * Bytes of an entry. It starts with eight zeros, then come the counts of the last row of taps, and so on up to the
 * first row. So the counts of a row are followed by those of the row above it, and those of the first row by zeros.
 */
export const entryBytes = ({ kernelHeight }: TableShape): number => 16 * Math.ceil((kernelHeight + 1) / 2);

/** The offset in an entry of the counts of a row of taps. At kernelHeight are the zeros. */
export const countsAt = ({ kernelHeight }: TableShape, ki: number): number => 8 * (kernelHeight - ki);

/** The offset of the entry for a pixel outside the image, if padding with 0. It follows those of all bytes. */
export const outsideEntry = (shape: TableShape): number => 256 * entryBytes(shape);

/** Bytes of a table. */
export const tableBytes = (shape: TableShape): number => outsideEntry(shape) + entryBytes(shape);

/** Bytes of all tables, and of the zeros that follow the last entry. */
export const tablesBytes = (shape: TableShape): number => shape.kernelWidth * tableBytes(shape) + 16;

/**
 * Statements that make the tables. Entry 0 counts the −1 of each filter. Each bit of the index that is 1 then adds or
 * subtracts 1 for each filter that sees it, so entries are made from those without their highest bit. Outside the
 * image, half of the signs that a filter sees count as different: their products sum to 0.
 *
 * @param filters The address of eight packed filters, with one word per tap.
 * @param vector The address of 16 bytes of scratch memory.
 */
export function makeTables(shape: TableShape, filters: I32, tables: I32, vector: I32): void {
  const { kernelHeight, kernelWidth, groupChannels } = shape;
  const bytes = entryBytes(shape);
  /** The bits of eight filters at a tap, shifted to where their channels are in the byte. */
  const filterBits = (source: I32, ki: number): I64 =>
    range(8)
      .map((filter) => {
        const bits = i32.load8U(source, 4 * (kernelHeight * kernelWidth * filter + ki * kernelWidth)).toI64U();
        return bits.shl(8 * filter + groupOf(filter, groupChannels) * groupChannels);
      })
      .reduce((all, byte) => all.or(byte));
  const [source, table] = [i32.variable(filters, 'source'), i32.variable(tables, 'table')];
  forRange(0, i32.const(kernelWidth), 1, () => {
    const vectors = range(bytes / 16).map((at) => {
      const rows = [0, 1].map((half) => kernelHeight - (2 * at + half));
      const exists = rows.map((ki) => ki >= 0 && ki < kernelHeight);
      rows.forEach((ki, half) => {
        store(vector, exists[half] ? filterBits(source, ki) : i64.const(0), 8 * half);
      });
      const bits = i8x16.variable(i8x16.load(vector), 'filterBits');
      const isMinus = range(8).map((bit) => {
        const mask = i8x16.const(1 << bit);
        return i8x16.variable(bits.and(mask).eq(mask), `isMinus${bit}`);
      });
      store(
        table,
        isMinus.reduce<I8x16>((sum, minus) => sum.sub(minus), i8x16.const(0)),
        16 * at,
      );
      return { exists, isMinus };
    });
    range(8).forEach((bit) => {
      const changes = vectors.map(({ exists, isMinus }) => {
        // −1 if the filter is −1 there as well, else 1. Filters of other groups do not see the bit: 0.
        const seen = range(16).map((lane) =>
          exists[lane >> 3] && groupOf(lane % 8, groupChannels) === groupOf(bit, groupChannels) ? -1 : 0,
        );
        const change = i8x16
          .const(1)
          .add(isMinus[bit])
          .add(isMinus[bit])
          .and(i8x16.const(...seen));
        return i8x16.variable(change, 'change');
      });
      const size = bytes * 2 ** bit;
      forRange(table, table.add(size), bytes, (from) =>
        changes.forEach((change, at) => {
          store(from, i8x16.load(from, 16 * at).add(change), size + 16 * at);
        }),
      );
    });
    vectors.forEach(({ exists }, at) => {
      const half = range(16).map((lane) => (exists[lane >> 3] ? groupChannels >> 1 : 0));
      store(table, i8x16.const(...half), outsideEntry(shape) + 16 * at);
    });
    table.set(table.add(tableBytes(shape)));
    source.set(source.add(4));
  });
  store(table, i8x16.const(0));
}

const groupOf = (channel: number, groupChannels: number): number => Math.floor(channel / groupChannels);
