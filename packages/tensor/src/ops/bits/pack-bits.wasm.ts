import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import type { BitTensor } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';
import { type F32x4, f32x4, forRange, type I32, type I32x4, i32, i32x4, store, when } from '../../wasm/assembler.js';

/**
 * A predicate on numbers whose results are packed as bits. `negative`, x < 0, gives signs. `beyondOne`, |x| > 1, is the
 * mask of the straight-through estimator `clip`, where 1 stops the gradient.
 */
export type MaskPredicate = 'negative' | 'beyondOne';

const predicates: Record<MaskPredicate, (x: F32x4) => F32x4> = {
  negative: (x) => x.lt(f32x4.const(0)),
  beyondOne: (x) => x.abs().gt(f32x4.const(1)),
};

/**
 * Packs the mask of the elements of x for which the predicate holds, in the layout of `packBits`.
 *
 * @param predicate Which elements get a 1.
 * @param x f32 of rank 1 or more.
 * @param bits The result, of the same shape.
 *
 * @example
 * ```ts
 * import { packBits, tensor, zeros } from '@mobinet/tensor';
 * import { packMask } from '@mobinet/tensor/kernels';
 *
 * const [x, mask] = [tensor([-2, 0.5, 1, 3]), packBits(zeros([4]))];
 * packMask('beyondOne', x, mask);
 * console.log(mask.words[0].toString(2)); // where the estimator `clip` stops the gradient
 * // → 1001
 * ```
 */
export function packMask(predicate: MaskPredicate, x: Tensor, bits: BitTensor): void {
  const { rows, length } = wordRows(bits);
  packKernel(predicate).run({ x, words: bits, length }, rows, { grain: chunksOf(rows, 2 + length / 8) });
}

/** Unpacks signs to numbers ±1. */
export function unpackSigns(bits: BitTensor, signs: Tensor): void {
  const { rows, length } = wordRows(bits);
  unpackKernel.run({ words: bits, signs, length }, rows, { grain: chunksOf(rows, 2 + length / 8) });
}

/** Rows without a tail can be treated as one row per word, which gives threads more items to share. */
function wordRows({ rowLength, size }: BitTensor): { rows: number; length: number } {
  const length = rowLength % 32 === 0 ? 32 : rowLength;
  return { rows: rowLength === 0 ? 0 : size / length, length };
}

const packKernel = memoize(
  (predicate: MaskPredicate) =>
    new Kernel(`bits_pack_${predicate}`, { x: i32, words: i32, length: i32 }, ({ x, words, length }, from, to) => {
      const xAt = i32.variable(x.add(from.mul(length).mul(4)), 'xAt');
      const at = i32.variable(words.add(from.mul(length.add(31).shrU(5)).mul(4)), 'at');
      forRange(from, to, 1, () => {
        forRange(0, length, 32, (done) => {
          const word = i32.variable(maskOf32(predicates[predicate], xAt), 'word');
          // Loads extend past the end of a row. The bits of those numbers, the tail of the last word, are cleared.
          const rest = i32.variable(length.sub(done), 'rest');
          when(rest.ltS(32), () => {
            word.set(word.and(i32.const(1).shl(rest).sub(1)));
            xAt.set(xAt.add(rest.mul(4)).sub(128));
          });
          store(at, word);
          at.set(at.add(4));
          xAt.set(xAt.add(128));
        });
      });
    }),
);

/**
 * The mask of 32 numbers. Comparisons fill lanes with ones, which are narrowed to bytes, whose top bits are the mask.
 */
function maskOf32(predicate: (x: F32x4) => F32x4, x: I32): I32 {
  const eight = (at: number) =>
    predicate(f32x4.load(x, at))
      .as(i32x4)
      .narrowS(predicate(f32x4.load(x, at + 16)).as(i32x4));
  const sixteen = (at: number): I32 =>
    eight(at)
      .narrowS(eight(at + 32))
      .bitmask();
  return sixteen(0).or(sixteen(64).shl(16));
}

const unpackKernel = new Kernel(
  'bits_unpack',
  { words: i32, signs: i32, length: i32 },
  ({ words, signs, length }, from, to) => {
    const at = i32.variable(words.add(from.mul(length.add(31).shrU(5)).mul(4)), 'at');
    const target = i32.variable(signs.add(from.mul(length).mul(4)), 'to');
    forRange(from, to, 1, () => {
      forRange(0, length, 32, (done) => {
        const word = i32.variable(i32.load(at), 'word');
        at.set(at.add(4));
        const rest = i32.variable(length.sub(done), 'rest');
        when(
          rest.geS(32),
          () => {
            const bits = i32x4.variable(i32x4.splat(word), 'bits');
            for (let v = 0; v < 8; v++) store(target, signLanes(bits, 4 * v), 16 * v);
            target.set(target.add(128));
          },
          () =>
            forRange(0, rest, 1, () => {
              // The bit becomes the sign bit of a 1.
              store(target, word.shl(31).or(oneAsBits));
              word.set(word.shrU(1));
              target.set(target.add(4));
            }),
        );
      });
    });
  },
);

/** The bits of 1 as a float. */
const oneAsBits = 0x3f800000;

/** Bits [first, first + 4) of a word as ±1. All lanes contain the word. */
function signLanes(word: I32x4, first: number): F32x4 {
  const ownBit = i32x4.const(1 << first, 2 << first, 4 << first, 8 << first);
  const minus = word.and(ownBit).eq(ownBit);
  return minus.and(i32x4.const(-0x80000000)).or(i32x4.const(oneAsBits)).as(f32x4);
}
