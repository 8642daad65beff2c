import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { bytesAt } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';
import { forRange, type I32, type I64, i8x16, i32, i64, store, type Variable } from '../../wasm/assembler.js';
import { isPointwise } from '../window.js';
import { forEachPixel, tapAddress, tapsOf, windowArguments, windowParameters } from '../window.wasm.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import { type BorderDType, subtractBorder } from './bit-conv2d-border.wasm.js';
import { bitConv2dByPatches, hasPatches } from './bit-conv2d-patches.wasm.js';
import { bitConv2dByTables, hasTables, padsWithZero } from './bit-conv2d-tables.wasm.js';
import { bitGemm } from './bit-gemm.js';
import { type CountDType, countBytes, storeCount } from './bit-gemm.wasm.js';
import { transposeBytes } from './transpose-bytes.wasm.js';

/** `bitConv2d`. A 1×1 convolution is a product of bit matrices, and small groups use lookup tables. */
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
    bitGemm({ m: pixels, n: outChannels, signs: groupChannels, a: x, b: filter, y });
    return;
  }
  if (hasPatches(filter, y, attributes)) bitConv2dByPatches(x, filter, y, window);
  else if (hasTables(x, filter, attributes)) {
    bitConv2dByTables(x, filter, y, attributes);
    // The tables have left the taps outside the image out of the sum.
    if (padsWithZero(groupChannels)) return;
  } else convolveByWords(x, filter, y, attributes);
  if (paddingValue === 'zero') subtractBorder(y as Tensor<BorderDType>, filter, window);
}

/**
 * Joins the bits that an output pixel sees of a group into one row, tap after tap without gaps, and does the same for
 * every filter. A group of 8 channels under 3×3 taps is 72 bits, which take two 64-bit words. With separate words for
 * each tap, it would take nine.
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
        x,
        filters,
        y,
        border,
        pixelBytes,
        groups,
        filtersPerGroup: outChannels / groups,
        ...windowArguments(window),
      },
      pixels,
      { grain: chunksOf(pixels, outChannels * (1 + (taps * groupChannels) / 150)), scratch: 16 * filterBytes + 128 },
    );
  });
}

/** Vector loads extend past the last channels of the border. */
const borderSlack = 16;

/** Bytes of a row of joined taps, in whole 64-bit words. */
const joinedBytes = (taps: number, groupChannels: number): number => 8 * wordsOf(taps, groupChannels);
const wordsOf = (taps: number, groupChannels: number): number => Math.ceil((taps * groupChannels) / 64);

/**
 * The 64-bit words of a joined row. `bitsOf(tap, first, count)` is the code that reads bits [first, first + count) of a
 * tap's `tapBits` bits. The layout is known when the kernel is assembled, so only shifts and ors remain in the code.
 */
function joinedWords(taps: number, tapBits: number, bitsOf: (tap: number, first: number, count: number) => I64): I64[] {
  return Array.from({ length: wordsOf(taps, tapBits) }, (_, word) => {
    const parts: I64[] = [];
    const [start, end] = [64 * word, Math.min(64 * (word + 1), taps * tapBits)];
    for (let at = start; at < end; ) {
      const tap = Math.floor(at / tapBits);
      const first = at - tap * tapBits;
      const count = Math.min(end - at, tapBits - first, maxBits);
      const bits = bitsOf(tap, first, count);
      parts.push(at === start ? bits : bits.shl(at - start));
      at += count;
    }
    return parts.reduce((joined, part) => joined.or(part));
  });
}

/** Bits per read. With up to 7 bits before them in their first byte, they fit into a 64-bit word. */
const maxBits = 32;

/** Bits [first, first + count) of those that start `offset` bits after the address. */
function readBits(address: I32, offset: Variable<I32> | number, first: number, count: number): I64 {
  if (typeof offset === 'number') return loadBits(address, offset + first, count);
  const bit = offset.add(first);
  return maskBits(i64.load(address.add(bit.shrU(3))).shrU(bit.and(7).toI64U()), count);
}

/** The same for an offset that is known when the kernel is assembled. */
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

/** In a packed filter, each tap starts a new word. This kernel joins them. */
const joinKernel = memoize(
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

/** Words of a patch that are kept in registers. Longer patches go to scratch memory. */
const maxWords = 16;

/** Filters per iteration of the inner loop. */
const filtersPerPass = 8;

/** Computes the counts of all filters for each pixel. Taps outside the image read a row of +1. */
const convolveKernel = memoize(
  (kernelHeight: number, kernelWidth: number, groupChannels: number, dtype: CountDType) =>
    new Kernel(
      `bits_conv_${kernelHeight}x${kernelWidth}_c${groupChannels}_${dtype}__popcnt64`,
      {
        x: i32,
        filters: i32,
        y: i32,
        border: i32,
        pixelBytes: i32,
        groups: i32,
        filtersPerGroup: i32,
        ...windowParameters,
      },
      (p, from, to, scratch) => {
        const taps = kernelHeight * kernelWidth;
        const words = wordsOf(taps, groupChannels);
        const rowBytes = joinedBytes(taps, groupChannels);
        const inRegisters = words <= maxWords;
        const bytes = countBytes(dtype);
        const yAt = i32.variable(p.y.add(from.mul(p.groups).mul(p.filtersPerGroup).mul(bytes)), 'yAt');
        const positions = tapsOf(kernelHeight, kernelWidth);
        const tapAt = positions.map((_, tap) => i32.variable(undefined, `tap${tap}`));

        forEachPixel(p.outHeight, p.outWidth, from, to, (n, i, j) => {
          tapAt.forEach((address, tap) => {
            address.set(tapAddress(p, [n, i, j], positions[tap]));
          });
          const filterAt = i32.variable(p.filters, 'filterAt');
          const countAgainstFilters = (words: readonly I64[]): void => {
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
            const whole = i32.variable(p.filtersPerGroup.and(-filtersPerPass), 'whole');
            forRange(0, whole, filtersPerPass, () => filters(filtersPerPass));
            forRange(whole, p.filtersPerGroup, 1, () => filters(1));
          };
          if (groupChannels === 8) return forEachByteGroup(tapAt, p.groups, scratch, countAgainstFilters);
          const bit = i32.variable(0, 'bit');
          forRange(0, p.groups, 1, () => {
            const read = (tap: number, first: number, count: number): I64 =>
              readBits(tapAt[tap], groupChannels % 8 === 0 ? 0 : bit, first, count);
            const patch = joinedWords(taps, groupChannels, read).map((word, at) => {
              if (inRegisters) return i64.variable(word, `word${at}`);
              store(scratch, word, 8 * at);
              return i64.load(scratch, 8 * at);
            });
            countAgainstFilters(patch);
            if (groupChannels % 8 === 0) for (const tap of tapAt) tap.set(tap.add(groupChannels / 8));
            else bit.set(bit.add(groupChannels));
          });
        });
      },
    ),
);

/**
 * Groups of 8 channels are bytes, so the patches of 16 groups can be joined together: transposing the bytes of eight
 * taps gives a word for each group. The remaining taps are read one by one.
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
