import { Kernel } from '../../backends/cpu/kernel.js';
import { forRange, type I64, i32, i64, select, store, store8, type Variable } from '../../wasm/assembler.js';

/** Bit index of a channel's first column. A byte of border comes before it. */
export const firstColumnBit = 8;

/**
 * Transposes images of signs from channels to columns: for each image row and channel, the signs of neighboring
 * columns are neighboring bits. Works on squares of 8×8 bits.
 */
export const columnsKernel = new Kernel(
  'bits_columns',
  {
    x: i32,
    columns: i32,
    channelBytes: i32,
    channels: i32,
    pixelBytes: i32,
    width: i32,
    height: i32,
    rows: i32,
    top: i32,
  },
  (p, from, to) => {
    const square = i64.variable(undefined, 'square');
    const rowBytes = i32.variable(p.channels.mul(p.channelBytes), 'rowBytes');
    forRange(from, to, 1, (item) => {
      const image = i32.variable(item.divU(p.rows), 'image');
      const row = i32.variable(item.remU(p.rows).sub(p.top), 'row');
      const source = i32.variable(p.x.add(image.mul(p.height).add(row).mul(p.width).mul(p.pixelBytes)), 'source');
      const target = i32.variable(p.columns.add(item.mul(rowBytes)), 'target');
      // A channel takes whole words. The border around the image is zeros, which mean +1.
      forRange(0, rowBytes, 4, (at) => store(target.add(at), i32.const(0)));
      const width = i32.variable(select(row.ltU(p.height), p.width, i32.const(0)), 'width');
      forRange(0, width, 8, (column) => {
        const count = i32.variable(width.sub(column).minU(i32.const(8)), 'count');
        const byteAt = i32.variable(column.shrU(3).add(firstColumnBit / 8), 'byteAt');
        forRange(0, p.channels, 8, (channel) => {
          const at = i32.variable(source.add(column.mul(p.pixelBytes)).add(channel.shrU(3)), 'at');
          square.set(i64.const(0));
          const shift = i64.variable(0, 'shift');
          forRange(0, count, 1, () => {
            square.set(square.or(i32.load8U(at).toI64U().shl(shift)));
            at.set(at.add(p.pixelBytes));
            shift.set(shift.add(8));
          });
          square.set(transposeBits(square));
          const to = i32.variable(target.add(channel.mul(p.channelBytes)).add(byteAt), 'to');
          forRange(0, p.channels.sub(channel).minU(i32.const(8)), 1, () => {
            store8(to, square.toI32());
            square.set(square.shrU(8));
            to.set(to.add(p.channelBytes));
          });
        });
      });
    });
  },
);

/**
 * Transposes an 8×8 square of bits by swapping squares of 1, 2, then 4 bits (Warren, "Hacker's Delight", 2nd ed., 7–3).
 */
function transposeBits(square: Variable<I64>): I64 {
  const swap = (distance: number, mask: bigint): void => {
    const t = i64.variable(square.xor(square.shrU(distance)).and(i64.const(mask)), 't');
    square.set(square.xor(t).xor(t.shl(distance)));
  };
  swap(7, 0x00aa00aa00aa00aan);
  swap(14, 0x0000cccc0000ccccn);
  swap(28, 0x00000000f0f0f0f0n);
  return square;
}
