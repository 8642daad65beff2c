import { type Tensor, tensor } from '@mobinet/tensor/functions';
import {
  chunksOf,
  type F32x4,
  f32x4,
  floatsAt,
  flushedLanes,
  flushLimit,
  forRange,
  type I32,
  type I32x4,
  i32,
  i32x4,
  Kernel,
  memoize,
  store,
  type Variable,
  when,
  withTemporary,
} from '@mobinet/tensor/kernels';
import { type Compression, sumPlaces, type Votes } from './compress.js';
import type { ScaledRun } from './scaled-runs.js';

/** The fast form of `compressPlain`, with the same bits. @param table The table of its blocks: see `blockTable`. */
export function compressFast(
  source: Tensor | Votes,
  { blocks, sums, scales, words }: Compression,
  table: Tensor<'i32'>,
): Float32Array {
  const isVotes = 'words' in source;
  const [ranks, segments] = isVotes ? source.scales.shape : [0, 0];
  return withTemporary(4 * blocks.length, (blockSums) => {
    compressKernel(isVotes ? 'votes' : 'values').run(
      {
        table,
        sums,
        scales,
        words,
        blockSums,
        source: isVotes ? source.words : source,
        sourceScales: isVotes ? source.scales : 0,
        ranks,
        rowBytes: isVotes ? 4 * source.words.shape[1] : 0,
        scaleRowBytes: 4 * segments,
      },
      blocks.length,
      { grain: chunksOf(blocks.length, blockNanoseconds) },
    );
    return floatsAt(blockSums, blocks.length).slice();
  });
}

/** The fast form of `expandPlain`, with the same bits. */
export function expandFast(table: Tensor<'i32'>, words: Tensor<'i32'>, scales: Tensor, values: Tensor): void {
  const blocks = table.shape[0];
  expandKernel.run({ table, words, scales, values }, blocks, { grain: chunksOf(blocks, blockNanoseconds) });
}

/** The approximate time that a block of the usual size takes. */
const blockNanoseconds = 3000;

const entryWords = 4;

/** The blocks as kernels read them: i32 [blocks, 4], of the first element, the length, the scale and the segment. */
export function blockTable(blocks: readonly ScaledRun[]): Tensor<'i32'> {
  const entries = blocks.flatMap(({ first, length, scale, segment }) => [first, length, scale, segment]);
  return tensor(Int32Array.from(entries), { shape: [blocks.length, entryWords] });
}

/** Emits the loop over blocks, with what the table has about each. */
function forEachBlock(
  [table, from, to]: readonly I32[],
  body: (block: { first: I32; length: I32; scale: I32; segment: I32; index: I32 }) => void,
): void {
  forRange(from, to, 1, (index) => {
    const entry = i32.variable(table.add(index.mul(4 * entryWords)), 'entry');
    const [first, length, scale, segment] = ['first', 'length', 'scale', 'segment'].map((name, at) =>
      i32.variable(i32.load(entry, 4 * at), name),
    );
    body({ first, length, scale, segment, index });
  });
}

/** Emits the loop over the words of a block. `rest` is the number of elements in the last word, if some are missing. */
function forEachWord(length: I32, body: (rest: I32 | null) => void): void {
  forRange(0, length.shrU(5), 1, () => body(null));
  const rest = i32.variable(length.and(31), 'rest');
  when(rest, () => body(rest));
}

/** Four numbers, of which those at `place` and after it are 0 if they do not exist. */
function onlyExisting(four: F32x4, place: number, rest: I32 | null): F32x4 {
  if (rest === null) return four;
  return four.and(
    i32x4
      .splat(rest)
      .gtS(i32x4.const(place, place + 1, place + 2, place + 3))
      .as(f32x4),
  );
}

/** Scales with the signs of a mask. */
const signed = (scale: F32x4, isNegative: I32x4): F32x4 =>
  scale.xor(isNegative.and(i32x4.const(-0x80000000)).as(f32x4));

/** The mask of bits [place, place + 4) of a word. All lanes contain the word. */
function maskOf(word: I32x4, place: number): I32x4 {
  const ownBit = i32x4.const(1 << place, 2 << place, 4 << place, 8 << place);
  return word.and(ownBit).eq(ownBit);
}

/** Where the numbers of a kernel come from. `votes` are added in the order of the ranks. */
type Source = 'values' | 'votes';

/**
 * The items are blocks. Sixteen elements at a time, half a word, fit into the registers of a processor together with the
 * sums of 16 places.
 */
const compressKernel = memoize((kind: Source) => {
  const addresses = { table: i32, sums: i32, scales: i32, words: i32, blockSums: i32, source: i32, sourceScales: i32 };
  return new Kernel(
    `signs_compress_${kind}`,
    { ...addresses, ranks: i32, rowBytes: i32, scaleRowBytes: i32 },
    (p, from, to) => {
      const limit = flushLimit();
      forEachBlock([p.table, from, to], ({ first, length, scale, segment, index }) => {
        const sent = f32x4.variable(f32x4.loadSplat(p.scales.add(scale.mul(4))), 'sent');
        const sumAt = i32.variable(p.sums.add(first.mul(4)), 'sumAt');
        const wordAt = i32.variable(p.words.add(first.shrU(3)), 'wordAt');
        const [bytes, scaleBytes] = kind === 'values' ? [first.mul(4), i32.const(0)] : [first.shrU(3), segment.mul(4)];
        const sourceAt = i32.variable(p.source.add(bytes), 'sourceAt');
        const sourceScaleAt = i32.variable(p.sourceScales.add(scaleBytes), 'sourceScaleAt');
        const places = Array.from({ length: sumPlaces / 4 }, () => f32x4.variable(0, 'places'));

        /** The numbers of a half word. */
        const numbers = (half: number): readonly F32x4[] =>
          kind === 'values'
            ? places.map((_, v) => f32x4.load(sourceAt, 64 * half + 16 * v))
            : addVotes(half, { ...p, wordAt: sourceAt, scaleAt: sourceScaleAt });

        const compressHalf = (half: number, rest: I32 | null): I32 => {
          const masks = numbers(half).map((number, v) => {
            const offset = 64 * half + 16 * v;
            const last = f32x4.variable(f32x4.load(sumAt, offset), 'last');
            const leftover = flushedLanes(last.sub(signed(sent, isNegative(last))), limit);
            const sum = f32x4.variable(onlyExisting(number.add(leftover), offset / 4, rest), 'sum');
            store(sumAt, sum, offset);
            places[v].set(places[v].add(sum.abs()));
            return i32x4.variable(isNegative(sum), 'mask');
          });
          return masks[0].narrowS(masks[1]).narrowS(masks[2].narrowS(masks[3])).bitmask();
        };

        forEachWord(length, (rest) => {
          const low = i32.variable(compressHalf(0, rest), 'low');
          store(wordAt, low.or(compressHalf(1, rest).shl(16)));
          wordAt.set(wordAt.add(4));
          sumAt.set(sumAt.add(128));
          sourceAt.set(sourceAt.add(kind === 'values' ? 128 : 4));
        });
        store(p.blockSums.add(index.mul(4)), sumOfHalves(places));
      });
    },
  );
});

const isNegative = (x: F32x4): I32x4 => x.lt(f32x4.const(0)).as(i32x4);

/** The sums of the votes for half a word: of each rank, a word of signs and a scale. */
function addVotes(
  half: number,
  { wordAt, scaleAt, ranks, rowBytes, scaleRowBytes }: Record<'wordAt' | 'scaleAt' | keyof VoteRows, I32>,
): Variable<F32x4>[] {
  const votes = Array.from({ length: sumPlaces / 4 }, () => f32x4.variable(0, 'votes'));
  const [ownWordAt, ownScaleAt] = [i32.variable(wordAt, 'ownWordAt'), i32.variable(scaleAt, 'ownScaleAt')];
  forRange(0, ranks, 1, () => {
    const word = i32x4.variable(i32x4.loadSplat(ownWordAt), 'word');
    const scale = f32x4.variable(f32x4.loadSplat(ownScaleAt), 'scale');
    for (const [v, vote] of votes.entries()) vote.set(vote.add(signed(scale, maskOf(word, 16 * half + 4 * v))));
    ownWordAt.set(ownWordAt.add(rowBytes));
    ownScaleAt.set(ownScaleAt.add(scaleRowBytes));
  });
  return votes;
}

/** The number of ranks, and the bytes from the words and scales of one to those of the next. */
interface VoteRows {
  readonly ranks: I32;
  readonly rowBytes: I32;
  readonly scaleRowBytes: I32;
}

/** The sum of 16 places, half by half. */
function sumOfHalves([a, b, c, d]: readonly F32x4[]): ReturnType<F32x4['lane']> {
  const four = f32x4.variable(a.add(c).add(b.add(d)), 'four');
  return four
    .lane(0)
    .add(four.lane(2))
    .add(four.lane(1).add(four.lane(3)));
}

const expandKernel = new Kernel('signs_expand', { table: i32, words: i32, scales: i32, values: i32 }, (p, from, to) => {
  forEachBlock([p.table, from, to], ({ first, length, scale: scaleIndex }) => {
    const scale = f32x4.variable(f32x4.loadSplat(p.scales.add(scaleIndex.mul(4))), 'scale');
    const wordAt = i32.variable(p.words.add(first.shrU(3)), 'wordAt');
    const valueAt = i32.variable(p.values.add(first.mul(4)), 'valueAt');
    forEachWord(length, (rest) => {
      const word = i32x4.variable(i32x4.loadSplat(wordAt), 'word');
      for (let place = 0; place < 32; place += 4) {
        store(valueAt, onlyExisting(signed(scale, maskOf(word, place)), place, rest), 4 * place);
      }
      wordAt.set(wordAt.add(4));
      valueAt.set(valueAt.add(128));
    });
  });
});
