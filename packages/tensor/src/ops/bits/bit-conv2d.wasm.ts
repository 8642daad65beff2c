import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel, kernelFamily } from '../../backends/cpu/kernel.js';
import { bytesAt, memoryBuffer } from '../../backends/cpu/memory.js';
import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import { typedArrayOver } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import {
  forRange,
  type I32,
  type I64,
  i8x16,
  i16x8,
  i32,
  i32x4,
  i64,
  store,
  store16,
  type Value,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import { isPointwise, type Window } from '../window.js';
import { forEachPixel, tapAddress, tapsOf, windowArguments, windowParameters } from '../window.wasm.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import { bitConv2dByTables, hasTables } from './bit-conv2d-tables.wasm.js';
import { bitGemm, type CountDType, countBytes, storeCount } from './bit-gemm.wasm.js';
import { popcount32 } from './popcount.js';
import { transposeBytes } from './transpose-bytes.wasm.js';

/** Convolution of signs. A 1×1 convolution is a product of bit matrices, and small groups have tables. */
export function bitConv2dByKernels(
  x: BitTensor,
  filter: BitTensor,
  y: Tensor<CountDType>,
  attributes: BitConv2dAttributes,
): void {
  const { groups, window, paddingValue } = attributes;
  const [outChannels, , , groupChannels] = filter.shape;
  if (groups === 1 && isPointwise(window)) {
    const pixels = y.size / outChannels;
    bitGemm(pixels, outChannels, groupChannels, x.address, filter.address, y.address, y.dtype);
    return;
  }
  if (hasTables(x, filter, y.dtype, attributes)) bitConv2dByTables(x, filter, y, window);
  else convolveByWords(x, filter, y, attributes);
  if (paddingValue === 'zero') takeBackBorder(y as Tensor<BorderDType>, filter, window);
}

/**
 * What an output pixel sees of a group is joined into one row of bits, tap after tap without gaps, and every filter likewise: a
 * group of 8 channels under 3×3 taps is 72 bits, two 64-bit words, where a word of its own for every tap would make nine.
 */
function convolveByWords(
  x: BitTensor,
  filter: BitTensor,
  y: Tensor<CountDType>,
  attributes: BitConv2dAttributes,
): void {
  const { groups, window } = attributes;
  const [outChannels, kernelHeight, kernelWidth, groupChannels] = filter.shape;
  const pixels = y.size / outChannels;
  const { dtype } = y;
  const taps = kernelHeight * kernelWidth;
  const [pixelBytes, filterBytes] = [4 * wordsPerRow(x.rowLength), joinedBytes(taps, groupChannels)];
  withTemporary(outChannels * filterBytes + pixelBytes + borderSlack, (filters) => {
    joinKernel(taps, groupChannels).run({ filter, filters }, outChannels);
    const border = filters + outChannels * filterBytes;
    bytesAt(border, pixelBytes + borderSlack).fill(0);
    convolveKernel(kernelHeight, kernelWidth, groupChannels, dtype).run(
      {
        ...{ x, filters, y, border, pixelBytes, groups, filtersPerGroup: outChannels / groups },
        ...windowArguments(window),
      },
      pixels,
      { grain: chunksOf(pixels, outChannels * (1 + (taps * groupChannels) / 150)), scratch: 16 * filterBytes + 128 },
    );
  });
}

/** Vectors are read to their end, beyond the last channels. */
const borderSlack = 16;

/** Bytes of a row of joined taps: whole 64-bit words. */
const joinedBytes = (taps: number, groupChannels: number): number => 8 * wordsOf(taps, groupChannels);
const wordsOf = (taps: number, groupChannels: number): number => Math.ceil((taps * groupChannels) / 64);

/**
 * The 64-bit words of a joined row. `bitsOf(tap, first, count)` is the code that reads bits [first, first + count) of a tap,
 * of which there are `tapBits`. What belongs where is known here, so that nothing is left to do but to shift and to join.
 */
function joinedWords(taps: number, tapBits: number, bitsOf: (tap: number, first: number, count: number) => I64): I64[] {
  return Array.from({ length: wordsOf(taps, tapBits) }, (_, word) => {
    const parts: I64[] = [];
    const [start, end] = [64 * word, Math.min(64 * (word + 1), taps * tapBits)];
    for (let at = start; at < end; ) {
      const tap = Math.floor(at / tapBits);
      const first = at - tap * tapBits;
      const count = Math.min(end - at, tapBits - first, mostBits);
      const bits = bitsOf(tap, first, count);
      parts.push(at === start ? bits : bits.shl(at - start));
      at += count;
    }
    return parts.reduce((joined, part) => joined.or(part));
  });
}

/** Bits that are read at a time: with up to 7 before them in their first byte, they fit into a word. */
const mostBits = 32;

/** `count` bits from bit `first` (a number known here) of those at address + offset bits. */
function readBits(address: I32, offset: Variable<I32> | number, first: number, count: number): I64 {
  if (typeof offset === 'number') return loadBits(address, offset + first, count);
  const bit = offset.add(first);
  return maskBits(i64.load(address.add(bit.shrU(3))).shrU(bit.and(7).toI64U()), count);
}

/** Bits from a bit offset that is known here. */
function loadBits(address: I32, bit: number, count: number): I64 {
  const byte = bit >> 3;
  if (bit % 8 === 0 && count === 8) return i32.load8U(address, byte).toI64U();
  if (bit % 8 === 0 && count === 16) return i32.load16U(address, byte).toI64U();
  if (bit % 8 === 0 && count === 32) return i64.load32U(address, byte);
  return maskBits(i64.load(address, byte).shrU(bit % 8), count);
}

function maskBits(bits: I64, count: number): I64 {
  return bits.and(2 ** count - 1);
}

/** A filter holds each tap in words of its own; here they are joined. */
const joinKernel = kernelFamily(
  (taps: number, groupChannels: number) =>
    new Kernel(
      `bits_conv_join_t${taps}_c${groupChannels}`,
      { filter: i32, filters: i32 },
      ({ filter, filters }, from, to) => {
        const tapBytes = 4 * wordsPerRow(groupChannels);
        const [source, target] = [i32.variable(filter, 'source'), i32.variable(filters, 'target')];
        source.set(source.add(from.mul(taps * tapBytes)));
        target.set(target.add(from.mul(joinedBytes(taps, groupChannels))));
        forRange(from, to, 1, () => {
          const words = joinedWords(taps, groupChannels, (tap, first, count) =>
            readBits(source, 8 * tap * tapBytes, first, count),
          );
          words.forEach((word, at) => {
            store(target, word, 8 * at);
          });
          source.set(source.add(taps * tapBytes));
          target.set(target.add(joinedBytes(taps, groupChannels)));
        });
      },
    ),
);

/** Words of a patch that are held in registers; more of them wait in scratch memory. */
const mostWords = 16;

/** Filters that meet a patch before the loop goes round. */
const filtersAtOnce = 8;

/** Counts for all filters, pixel by pixel. Taps outside the image read a row of +1. */
const convolveKernel = kernelFamily(
  (kernelHeight: number, kernelWidth: number, groupChannels: number, dtype: CountDType) =>
    new Kernel(
      `bits_conv_${kernelHeight}x${kernelWidth}_c${groupChannels}_${dtype}__popcnt64`,
      {
        ...{ x: i32, filters: i32, y: i32, border: i32, pixelBytes: i32, groups: i32, filtersPerGroup: i32 },
        ...windowParameters,
      },
      (p, from, to, scratch) => {
        const taps = kernelHeight * kernelWidth;
        const words = wordsOf(taps, groupChannels);
        const rowBytes = joinedBytes(taps, groupChannels);
        const inRegisters = words <= mostWords;
        const bytes = countBytes(dtype);
        const yAt = i32.variable(p.y.add(from.mul(p.groups).mul(p.filtersPerGroup).mul(bytes)), 'yAt');
        const positions = tapsOf(kernelHeight, kernelWidth);
        const tapAt = positions.map((_, tap) => i32.variable(undefined, `tap${tap}`));

        forEachPixel(p.outHeight, p.outWidth, from, to, (n, i, j) => {
          tapAt.forEach((address, tap) => {
            address.set(tapAddress(p, [n, i, j], positions[tap]));
          });
          const filterAt = i32.variable(p.filters, 'filterAt');
          const meetFilters = (words: readonly I64[]): void => {
            const filters = (count: number): void => {
              for (let f = 0; f < count; f++) {
                const differences = words
                  .map((word, w) => word.xor(i64.load(filterAt, f * rowBytes + 8 * w)).popcnt())
                  .reduce((sum, count) => sum.add(count));
                storeCount(dtype, yAt, i32.const(taps * groupChannels), differences.toI32(), f * bytes);
              }
              filterAt.set(filterAt.add(count * rowBytes));
              yAt.set(yAt.add(count * bytes));
            };
            const whole = i32.variable(p.filtersPerGroup.and(-filtersAtOnce), 'whole');
            forRange(0, whole, filtersAtOnce, () => filters(filtersAtOnce));
            forRange(whole, p.filtersPerGroup, 1, () => filters(1));
          };
          if (groupChannels === 8) return forEachByteGroup(tapAt, p.groups, scratch, meetFilters);
          const bit = i32.variable(0, 'bit');
          forRange(0, p.groups, 1, () => {
            const read = (tap: number, first: number, count: number): I64 =>
              readBits(tapAt[tap], groupChannels % 8 === 0 ? 0 : bit, first, count);
            const patch = joinedWords(taps, groupChannels, read).map((word, at) => {
              if (inRegisters) return i64.variable(word, `word${at}`);
              store(scratch, word, 8 * at);
              return i64.load(scratch, 8 * at);
            });
            meetFilters(patch);
            if (groupChannels % 8 === 0) for (const tap of tapAt) tap.set(tap.add(groupChannels / 8));
            else bit.set(bit.add(groupChannels));
          });
        });
      },
    ),
);

/**
 * Groups of 8 channels are bytes, so that the patches of 16 groups are joined at once: the bytes of eight taps, transposed, are
 * a word of each group. Taps that make no eight are read one by one.
 */
function forEachByteGroup(
  tapAt: readonly Variable<I32>[],
  groups: I32,
  scratch: I32,
  visit: (words: readonly I64[]) => void,
): void {
  const whole = Math.floor(tapAt.length / 8);
  const rest = tapAt.slice(8 * whole);
  const restAt = 128 * whole;
  forRange(0, groups, 16, (first) => {
    for (let set = 0; set < whole; set++) {
      const taps = tapAt.slice(8 * set, 8 * set + 8).map((tap) => i8x16.variable(i8x16.load(tap)));
      transposeBytes(taps).forEach((words, at) => {
        store(scratch, words, 128 * set + 16 * at);
      });
    }
    rest.forEach((tap, at) => {
      store(scratch, i8x16.load(tap), restAt + 16 * at);
    });
    const [wordAt, byteAt] = [i32.variable(scratch, 'wordAt'), i32.variable(scratch.add(restAt), 'byteAt')];
    forRange(0, groups.sub(first).minU(i32.const(16)), 1, () => {
      const words = Array.from({ length: whole }, (_, set) => i64.variable(i64.load(wordAt, 128 * set), 'word'));
      if (rest.length > 0) {
        const bytes = rest.map((_, at) => i32.load8U(byteAt, 16 * at).toI64U());
        words.push(
          i64.variable(
            bytes.map((byte, at) => (at === 0 ? byte : byte.shl(8 * at))).reduce((a, b) => a.or(b)),
            'rest',
          ),
        );
      }
      visit(words);
      wordAt.set(wordAt.add(8));
      byteAt.set(byteAt.add(1));
    });
    for (const tap of tapAt) tap.set(tap.add(16));
  });
}

/** Dot products: numbers of differences have no border of zero. */
type BorderDType = Exclude<CountDType, 'u8'>;

/** Bits make a border of +1. To pad with zero, what each tap outside added is subtracted again. */
function takeBackBorder(y: Tensor<BorderDType>, filter: BitTensor, window: Window): void {
  const [outChannels, kernelHeight, kernelWidth] = filter.shape;
  const taps = kernelHeight * kernelWidth;
  const bytes = countBytes(y.dtype);
  const sums = sumOfSignsPerTap(filter);
  withTemporary(bytes * taps * outChannels, (byTap) => {
    const target = typedArrayOver(y.dtype, memoryBuffer(), byTap, taps * outChannels);
    for (let o = 0; o < outChannels; o++) {
      for (let tap = 0; tap < taps; tap++) target[tap * outChannels + o] = sums[o * taps + tap];
    }
    const pixels = y.size / outChannels;
    const args = { y, sums: byTap, rowBytes: bytes * outChannels, ...windowArguments(window) };
    const grain = chunksOf(pixels, taps + outChannels / 10);
    borderKernel(kernelHeight, kernelWidth, y.dtype).run(args, pixels, { grain });
  });
}

/** What each tap of each filter adds where it sees a border of +1: the sum of its signs. [outChannels, taps] */
function sumOfSignsPerTap(filter: BitTensor): Int32Array {
  const { words, shape, rowLength } = filter;
  const wordsPerTap = wordsPerRow(rowLength);
  const sums = new Int32Array(shape[0] * shape[1] * shape[2]);
  for (let tap = 0; tap < sums.length; tap++) {
    let minusOnes = 0;
    for (let word = 0; word < wordsPerTap; word++) minusOnes += popcount32(words[tap * wordsPerTap + word]);
    sums[tap] = rowLength - 2 * minusOnes;
  }
  return sums;
}

const borderKernel = kernelFamily(
  (kernelHeight: number, kernelWidth: number, dtype: BorderDType) =>
    new Kernel(
      `bits_conv_border_${kernelHeight}x${kernelWidth}_${dtype}`,
      { y: i32, sums: i32, rowBytes: i32, ...windowParameters },
      (p, from, to) => {
        // All that is asked of an address is whether it is outside.
        const inside = { ...p, x: i32.const(1), pixelBytes: i32.const(0), border: i32.const(0) };
        const whole = i32.variable(p.rowBytes.and(-16), 'whole');
        const yAt = i32.variable(p.y.add(from.mul(p.rowBytes)), 'yAt');
        forEachPixel(p.outHeight, p.outWidth, from, to, (n, i, j) => {
          tapsOf(kernelHeight, kernelWidth).forEach((tap, index) => {
            when(tapAddress(inside, [n, i, j], tap).eq(0), () => {
              const sumAt = i32.variable(p.sums.add(p.rowBytes.mul(index)), 'sumAt');
              forRange(0, whole, 16, (at) => store(yAt.add(at), difference(dtype, yAt.add(at), sumAt.add(at))));
              forRange(whole, p.rowBytes, countBytes(dtype), (at) =>
                storeOne(dtype, yAt.add(at), loadOne(dtype, yAt.add(at)).sub(loadOne(dtype, sumAt.add(at)))),
              );
            });
          });
          yAt.set(yAt.add(p.rowBytes));
        });
      },
    ),
);

const loadOne = (dtype: BorderDType, at: I32): I32 => (dtype === 'i16' ? i32.load16S(at) : i32.load(at));

function storeOne(dtype: BorderDType, at: I32, count: I32): void {
  if (dtype === 'i16') store16(at, count);
  else store(at, count);
}

/** The vectors of counts at two places, one less the other. */
const difference = (dtype: BorderDType, a: I32, b: I32): Value =>
  dtype === 'i16' ? i16x8.load(a).sub(i16x8.load(b)) : i32x4.load(a).sub(i32x4.load(b));
