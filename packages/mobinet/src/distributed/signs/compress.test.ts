import { fc, test } from '@fast-check/vitest';
import { Rng, setThreads, type Tensor, tensor, tidy, zeros } from '@mobinet/tensor';
import { afterAll, describe, expect } from 'vitest';
import { type Compression, compressPlain, expandPlain, scalesOf, type Votes } from './compress.js';
import { blockTable, compressFast, expandFast } from './compress.wasm.js';
import { blockSize, blocksOf, wholeRuns } from './scaled-runs.js';
import { layOut } from './virtual-ranks.test.helper.js';

/** Lengths of segments at the edges of words, halves of words and blocks. */
const awkwardLengths = fc.array(fc.constantFrom(1, 3, 4, 15, 16, 17, 31, 32, 33, 100, 4095, 4096, 4097), {
  minLength: 1,
  maxLength: 4,
});

const specialNumbers = [0, -0, Number.NaN, Infinity, -Infinity, 1e-31, -1e-45, 3e38];

/** Random numbers, some of them special. */
function numbers(size: number, rng: Rng, withSpecial: boolean): Tensor {
  const x = rng.normal([size]);
  const places = rng.split('places').uniform([size]).values;
  if (!withSpecial) return x;
  x.values.forEach((_, i) => {
    if (places[i] < 0.01) x.values[i] = specialNumbers[Math.floor(places[i] * 800)];
  });
  return x;
}

/** Random votes of some ranks, for as many elements and segments. */
const randomVotes = (ranks: number, size: number, segments: number, rng: Rng): Votes => ({
  words: tensor(new Int32Array(rng.uniform([ranks * (size / 32)]).values.map((x) => (x - 0.5) * 2 ** 32)), {
    shape: [ranks, size / 32],
  }),
  scales: rng.split('scales').uniform([ranks, segments]),
});

/** What three compressions in a row and expanding the last one leave: all bits. */
function bitsOf(sources: readonly (Tensor | Votes)[], lengths: readonly number[], isFast: boolean): Int32Array[] {
  const layout = layOut(lengths, 1);
  const { segments, length: size } = layout;
  const blocks = blocksOf(wholeRuns(layout));
  const table = blockTable(blocks);
  const state: Compression = {
    blocks,
    sums: zeros([size]),
    scales: zeros([segments.length]),
    words: tensor(new Int32Array(size / 32).fill(-1)),
  };
  const values = tensor(new Float32Array(size).fill(7));
  for (const source of sources) {
    const blockSums = isFast ? compressFast(source, state, table) : compressPlain(source, state);
    scalesOf(blocks, blockSums, state.scales);
  }
  if (isFast) expandFast(table, state.words, state.scales, values);
  else expandPlain(blocks, state.words, state.scales, values);
  return [bits(state.sums), bits(state.scales), state.words.values.slice(), bits(values)];
}

/** The bits of floats, where all NaN are one: processors choose different ones. */
const bits = ({ values }: Tensor): Int32Array =>
  new Int32Array(values.map((value) => (Number.isNaN(value) ? Number.NaN : value)).buffer);

afterAll(() => setThreads(1));

describe('compress', () => {
  test.prop([awkwardLengths, fc.nat(), fc.boolean()], { numRuns: 30 })(
    'the kernels compute the bits of the definitions',
    (lengths, seed, withSpecial) =>
      tidy(() => {
        const { length: size } = layOut(lengths, 1);
        const rng = Rng.fromSeed(seed);
        const sources = [0, 1, 2].map((step) => numbers(size, rng.split(step), withSpecial));
        expect(bitsOf(sources, lengths, true)).toEqual(bitsOf(sources, lengths, false));
      }),
  );

  test.prop([awkwardLengths, fc.nat(), fc.constantFrom(1, 2, 3, 8)], { numRuns: 30 })(
    'the kernels add the votes of the definitions',
    (lengths, seed, ranks) =>
      tidy(() => {
        const { length: size, segments } = layOut(lengths, 1);
        const rng = Rng.fromSeed(seed);
        const sources = [0, 1, 2].map((step) => randomVotes(ranks, size, segments.length, rng.split(step)));
        expect(bitsOf(sources, lengths, true)).toEqual(bitsOf(sources, lengths, false));
      }),
  );

  test('computes the same bits on two threads', async () => {
    const lengths = [12 * blockSize + 5, 1, 8 * blockSize, 77];
    const { length: size, segments } = layOut(lengths, 1);
    const rng = Rng.fromSeed(1);
    const sources = [rng.normal([size]), randomVotes(4, size, segments.length, rng)];
    await setThreads(2);
    const onTwo = bitsOf(sources, lengths, true);
    await setThreads(1);
    expect(onTwo).toEqual(bitsOf(sources, lengths, true));
    expect(onTwo).toEqual(bitsOf(sources, lengths, false));
  });

  test('sends the signs and the mean magnitude, and adds what they lose to the next numbers', () => {
    const blocks = blocksOf(wholeRuns(layOut([4], 1)));
    const state: Compression = { blocks, sums: zeros([32]), scales: zeros([1]), words: zeros([1], 'i32') };
    const x = tensor([1, -3, -2, 2, ...new Array<number>(28).fill(Number.NaN)]);
    const compress = (): void => scalesOf(blocks, compressPlain(x, state), state.scales);
    compress();
    expect([...state.scales.values, ...state.words.values]).toEqual([2, 0b0110]);
    // The signs say [2, −2, −2, 2], so [−1, −1, 0, 0] is left.
    x.values.set([0, 0, 0, 0]);
    compress();
    expect([...state.sums.values.subarray(0, 5)]).toEqual([-1, -1, 0, 0, 0]);
    expect([...state.scales.values, ...state.words.values]).toEqual([0.5, 0b0011]);
  });

  test('sends 0, −0 and NaN as +1, and makes a segment with a NaN NaN', () => {
    const blocks = blocksOf(wholeRuns(layOut([4, 1], 1)));
    const state: Compression = { blocks, sums: zeros([64]), scales: zeros([2]), words: zeros([2], 'i32') };
    const x = zeros([64]);
    x.values.set([0, -0, Number.NaN, -1]);
    x.values[32] = -5;
    scalesOf(blocks, compressPlain(x, state), state.scales);
    expect([...state.words.values]).toEqual([0b1000, 1]);
    expandPlain(blocks, state.words, state.scales, x);
    expect([...x.values.subarray(0, 5)]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN, 0]);
    expect(x.values[32]).toBe(-5);
  });
});
