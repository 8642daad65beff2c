import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel, kernelFamily } from '../../backends/cpu/kernel.js';
import type { BitTensor } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';
import { type F32x4, f32x4, forRange, type I32, i32, i32x4, store, when } from '../../wasm/assembler.js';

/**
 * A question to every element, whose answers are packed as bits: is it below 0? Is it further from 0 than 1?
 * The second is the mask of the straight-through estimator `clip`: 1 stops the gradient.
 */
export type BitQuestion = 'negative' | 'beyondOne';

const questions: Record<BitQuestion, (x: F32x4) => F32x4> = {
  negative: (x) => x.lt(f32x4.const(0)),
  beyondOne: (x) => x.abs().gt(f32x4.const(1)),
};

/** Packs the answers for x into words, as packBits does its signs. */
export function packAnswers(question: BitQuestion, x: Tensor, bits: BitTensor): void {
  const { rows, length } = wordRows(bits);
  packKernel(question).run({ x, words: bits, length }, rows, { grain: chunksOf(rows, 2 + length / 8) });
}

/** The signs as ±1. */
export function unpackSigns(bits: BitTensor, signs: Tensor): void {
  const { rows, length } = wordRows(bits);
  unpackKernel.run({ words: bits, signs, length }, rows, { grain: chunksOf(rows, 2 + length / 8) });
}

/** Rows without a tail are as good as one row for each word. */
function wordRows({ rowLength, size }: BitTensor): { rows: number; length: number } {
  const length = rowLength % 32 === 0 ? 32 : rowLength;
  return { rows: rowLength === 0 ? 0 : size / length, length };
}

const packKernel = kernelFamily(
  (question: BitQuestion) =>
    new Kernel(`bits_pack_${question}`, { x: i32, words: i32, length: i32 }, ({ x, words, length }, from, to) => {
      const xAt = i32.variable(x.add(from.mul(length).mul(4)), 'xAt');
      const at = i32.variable(words.add(from.mul(length.add(31).shrU(5)).mul(4)), 'at');
      forRange(from, to, 1, () => {
        forRange(0, length, 32, (done) => {
          const word = i32.variable(answers(questions[question], xAt), 'word');
          // Beyond the end of a row lie other numbers, and the tail of the last word is 0.
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

/** The answers for 32 numbers. Comparisons fill lanes with ones, which are narrowed to bytes, whose highest bits are taken. */
function answers(question: (x: F32x4) => F32x4, x: I32): I32 {
  const eight = (at: number) =>
    question(f32x4.load(x, at))
      .as(i32x4)
      .narrowS(question(f32x4.load(x, at + 16)).as(i32x4));
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
    const to_ = i32.variable(signs.add(from.mul(length).mul(4)), 'to');
    forRange(from, to, 1, () => {
      forRange(0, length, 32, (done) => {
        const word = i32.variable(i32.load(at), 'word');
        at.set(at.add(4));
        const rest = i32.variable(length.sub(done), 'rest');
        when(
          rest.geS(32),
          () => {
            const bits = i32x4.variable(i32x4.splat(word), 'bits');
            for (let v = 0; v < 8; v++) store(to_, signsOf(bits, 4 * v), 16 * v);
            to_.set(to_.add(128));
          },
          () =>
            forRange(0, rest, 1, () => {
              // The bit becomes the sign of a 1.
              store(to_, word.shl(31).or(oneAsBits));
              word.set(word.shrU(1));
              to_.set(to_.add(4));
            }),
        );
      });
    });
  },
);

const oneAsBits = 0x3f800000;

/** Four bits of a word, from bit `first` on, as ±1. The word is in all lanes. */
export function signsOf(word: ReturnType<typeof i32x4.splat>, first: number): F32x4 {
  const ownBit = i32x4.const(1 << first, 2 << first, 4 << first, 8 << first);
  const minus = word.and(ownBit).eq(ownBit);
  return minus.and(i32x4.const(-0x80000000)).or(i32x4.const(oneAsBits)).as(f32x4);
}
