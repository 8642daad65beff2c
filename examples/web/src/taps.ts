import { wordsPerRow } from '@mobinet/tensor';
import type { MoBiNetOptions, PackedSegment } from 'mobinet';
import { bitAt } from './bits.js';
import type { OneOutput, Place, Signs, Tap } from './protocol.js';

/** `length` bits of a row, from `first` on, one by one. */
function bitsOf(words: Uint32Array, rowAt: number, first: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => bitAt(words, rowAt, first + i));
}

/**
 * How one output of a binary convolution comes about: what it sees of the input, its filter, and what the two have in common.
 * It is the definition, written out: the kernels do the same for 64 signs an instruction.
 *
 * @param input What the layer before handed on.
 * @param output What this layer handed on.
 */
export async function layOut(
  { plan, signs, lines, pool }: PackedSegment,
  padding: MoBiNetOptions['padding'],
  input: Signs,
  output: Signs,
  place: Place,
): Promise<OneOutput> {
  const { row, column, channel } = place;
  const [filters, numbers] = await Promise.all([signs.data(), lines.data()]);
  const taps = tapsOf(plan, filters, padding, input, place);

  let count = 0;
  let popcount = 0;
  for (const tap of taps) {
    if (tap.place === 'nothing') continue;
    count += tap.input.length;
    tap.input.forEach((bit, i) => {
      popcount += bit ^ tap.filter[i];
    });
  }

  const [plus, minus, shift] = [0, 1, 2].map((line) => numbers[line * plan.outChannels + channel]);
  const [outRow, outColumn] = pool ? [row >> 1, column >> 1] : [row, column];
  const isHandedOn = outRow < output.size && outColumn < output.size;
  const outAt = (outRow * output.size + outColumn) * wordsPerRow(output.channels);
  return {
    place,
    taps,
    signs: count,
    popcount,
    count: count - 2 * popcount,
    line: { plus, minus, shift },
    hasSkip: plan.skipRepeats > 0,
    pool,
    bit: isHandedOn ? bitAt(output.words, outAt, channel) : null,
  };
}

/** The pixels under the filter's window, row by row. */
function tapsOf(
  { kernel, inChannels, outChannels, groups, size }: PackedSegment['plan'],
  filters: Uint32Array,
  padding: MoBiNetOptions['padding'],
  input: Signs,
  { row, column, channel }: Place,
): Tap[] {
  const channels = inChannels / groups;
  // Filters of a group stand side by side, and so do the channels that they see.
  const firstChannel = Math.floor(channel / (outChannels / groups)) * channels;
  const reach = (kernel - 1) / 2;
  return Array.from({ length: kernel * kernel }, (_, tap): Tap => {
    const y = row - reach + Math.floor(tap / kernel);
    const x = column - reach + (tap % kernel);
    const isInside = y >= 0 && y < size && x >= 0 && x < size;
    const inputAt = (y * size + x) * wordsPerRow(inChannels);
    const filterAt = (channel * kernel * kernel + tap) * wordsPerRow(channels);
    return {
      row: y,
      column: x,
      firstChannel,
      place: isInside ? 'inside' : padding === 'one' ? 'one' : 'nothing',
      input: isInside ? bitsOf(input.words, inputAt, firstChannel, channels) : new Uint8Array(channels),
      filter: bitsOf(filters, filterAt, 0, channels),
    };
  });
}
