import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import { forRange, type I8x16, i8x16, i16x8, i32, select, store, when } from '../../wasm/assembler.js';
import { transposeBytes } from './transpose-bytes.wasm.js';

/** Rows of signs side by side in a vector, in a byte each. */
export const lanes = 16;

/** How to lay out the rows of b as lanes. */
interface LaneLayout {
  /** At least 16 rows. */
  readonly rows: number;
  readonly rowBytes: number;
  /** Signs in a byte of a lane: a whole byte of a row, or half of one. */
  readonly signsPerByte: 4 | 8;
  /** Vectors for each 16 rows, at least one for each byte or half byte of a row. Those after these are 0. */
  readonly vectors: number;
}

/** Bytes of the lanes. */
export const laneBytes = ({ rows, vectors }: LaneLayout): number => Math.ceil(rows / lanes) * vectors * lanes;

/**
 * Turns rows of signs into lanes. Every 16 rows become a block of vectors: vector v of a block has byte v of each row,
 * or, with four signs per byte, half a byte: the low half of byte v / 2 if v is even, and the high half if v is odd. If
 * the rows are not a multiple of 16, the last block has the last 16 rows again, so that every block is whole.
 *
 * @param target The address of `laneBytes` bytes.
 */
export function toLanes(b: { readonly address: number }, layout: LaneLayout, target: number): void {
  const { rows, rowBytes, signsPerByte, vectors } = layout;
  const blocks = Math.ceil(rows / lanes);
  kernel(signsPerByte).run({ b, target, rows, rowBytes, blockBytes: vectors * lanes }, blocks, {
    grain: chunksOf(blocks, 2 * rowBytes),
  });
}

/** Moves the high half of each byte into the low half. (There is no shift of bytes on x86.) */
const highBits = (bytes: I8x16): I8x16 => bytes.as(i16x8).shrU(i32.const(4)).as(i8x16);

/** The items are blocks. */
const kernel = memoize(
  (signsPerByte: 4 | 8) =>
    new Kernel(
      `bits_lanes_${signsPerByte}`,
      { b: i32, target: i32, rows: i32, rowBytes: i32, blockBytes: i32 },
      ({ b, target, rows, rowBytes, blockBytes }, from, to) => {
        const vectorsPerByte = 8 / signsPerByte;
        forRange(from, to, 1, (block) => {
          const [first, last] = [block.mul(lanes), rows.sub(lanes)];
          const source = i32.variable(b.add(select(first.ltS(last), first, last).mul(rowBytes)), 'source');
          const at = i32.variable(target.add(block.mul(blockBytes)), 'at');
          const end = i32.variable(at.add(blockBytes), 'end');
          /** Stores four columns of bytes: a word of each row. */
          const storeWord = (columns: readonly I8x16[]): void => {
            const vectors = columns.flatMap((column) =>
              signsPerByte === 8 ? [column] : [column, highBits(column)].map((half) => half.and(i8x16.const(15))),
            );
            vectors.forEach((vector, index) => {
              store(at, vector, lanes * index);
            });
            at.set(at.add(4 * vectorsPerByte * lanes));
          };
          forRange(0, rowBytes, 16, (offset) => {
            const rowAt = i32.variable(source.add(offset), 'rowAt');
            const own = Array.from({ length: lanes }, () => {
              const row = i8x16.variable(i8x16.load(rowAt), 'row');
              rowAt.set(rowAt.add(rowBytes));
              return row;
            });
            const columns = transposeBytes(own);
            storeWord(columns.slice(0, 4));
            for (const word of [4, 8, 12]) {
              when(rowBytes.gtS(offset.add(word)), () => storeWord(columns.slice(word, word + 4)));
            }
          });
          forRange(at, end, lanes, (rest) => store(rest, i8x16.const(0)));
        });
      },
    ),
);
