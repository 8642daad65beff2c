import { wordsPerRow } from '@mobinet/tensor';
import { bitAt } from './bits.js';
import type { BinaryLayer } from './layers.js';
import type { OneOutput, Place, Signs, Tap } from './protocol.js';

/** Unpacks `length` bits of a row, starting at bit `first`. */
function bitsOf(words: Uint32Array, rowAt: number, first: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => bitAt(words, rowAt, first + i));
}

/** The input and output signs of a layer for the last picture. */
export interface LayerSigns {
  readonly input: Signs;
  /** Null if the layer outputs floats. */
  readonly output: Signs | null;
}

/**
 * Shows how one output of a binary convolution is computed: the bits under its window, the filter's bits, and their
 * differences. This is the definition, written out; the kernels do the same for 64 signs per instruction.
 */
export async function explainOutput(
  layer: BinaryLayer,
  { input, output }: LayerSigns,
  place: Place,
): Promise<OneOutput> {
  const { signs, folded, pool, hasSkip, hasDirectSigns } = layer;
  const step = stepOf(layer);
  const { row, column, channel } = place;
  const [filters, numbers] = await Promise.all([signs.data(), folded?.data()]);
  const taps = tapsOf(layer, filters, input, place);

  let total = 0;
  let popcount = 0;
  for (const tap of taps) {
    if (tap.place === 'nothing') continue;
    total += tap.input.length;
    tap.input.forEach((bit, i) => {
      popcount += bit ^ tap.filter[i];
    });
  }

  const [outChannels] = signs.shape;
  const numberAt = (row: number): number => numbers![row * outChannels + channel];
  return {
    place,
    taps,
    signs: total,
    popcount,
    count: total - 2 * popcount,
    folded: numbers ? { positive: numberAt(0), negative: numberAt(1), shift: numberAt(2) } : null,
    hasSkip,
    pool,
    bit: hasDirectSigns && output ? bitOf(output, Math.floor(row / step), Math.floor(column / step), channel) : null,
  };
}

/** How many pixels of the convolution's output a pixel of the layer's output covers, along each axis. */
export const stepOf = ({ pool }: BinaryLayer): number => (pool ? 2 : 1);

/** An output bit of a layer; null where a pool drops the last row or column. */
function bitOf({ words, size, channels }: Signs, row: number, column: number, channel: number): number | null {
  if (row >= size || column >= size) return null;
  return bitAt(words, (row * size + column) * wordsPerRow(channels), channel);
}

/** The pixels under the filter's window, row by row. */
function tapsOf(
  { window: { height, width }, groups, paddingValue, signs }: BinaryLayer,
  filters: Uint32Array,
  input: Signs,
  { row, column, channel }: Place,
): Tap[] {
  const [outChannels, , , channels] = signs.shape;
  // The filters of a group are adjacent, and so are the channels that they see.
  const firstChannel = Math.floor(channel / (outChannels / groups)) * channels;
  return Array.from({ length: height.taps * width.taps }, (_, tap): Tap => {
    const y = row * height.stride - height.before + Math.floor(tap / width.taps) * height.dilation;
    const x = column * width.stride - width.before + (tap % width.taps) * width.dilation;
    const isInside = y >= 0 && y < height.input && x >= 0 && x < width.input;
    const inputAt = (y * width.input + x) * wordsPerRow(input.channels);
    const filterAt = (channel * height.taps * width.taps + tap) * wordsPerRow(channels);
    return {
      row: y,
      column: x,
      firstChannel,
      place: isInside ? 'inside' : paddingValue === 'one' ? 'one' : 'nothing',
      input: isInside ? bitsOf(input.words, inputAt, firstChannel, channels) : new Uint8Array(channels),
      filter: bitsOf(filters, filterAt, 0, channels),
    };
  });
}
