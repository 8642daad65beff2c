import { groupsOf } from '@mobinet/tensor/kernels';

/** Words that a workgroup makes, and its invocations: one for each bit, so that neighbours read neighbouring channels. */
const wordsAtOnce = 8;
const lanes = 32 * wordsAtOnce;

export const packWorkgroup = [lanes, 1] as const;

/** Workgroups that make so many words. */
export const packGroups = (words: number): [number, number] => groupsOf(words, wordsAtOnce);

/**
 * The first lines of such a kernel: `word` is the invocation's word, `row` and `c` are the row and the channel of its bit, and
 * `isInside` tells whether there is such a bit. The kernel must know `p.words` and `p.channels`.
 */
export const bitOfLane = `
  let word = (group.y * groups.x + group.x) * ${wordsAtOnce}u + lane / 32u;
  let rowWords = (p.channels + 31u) / 32u;
  let row = word / rowWords;
  let c = (word % rowWords) * 32u + lane % 32u;
  let isInside = word < p.words && c < p.channels;`;

/**
 * WGSL of `wordOfLanes(isSet, lane)`, the word whose bits are what 32 neighbouring invocations ask to be set: known to the first of
 * them. All invocations of the workgroup have to call it.
 */
export const packLanes = `
var<workgroup> laneBits: array<u32, ${lanes}>;
fn wordOfLanes(isSet: bool, lane: u32) -> u32 {
  let bit = lane % 32u;
  laneBits[lane] = select(0u, 1u << bit, isSet);
  for (var step = 16u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (bit < step) { laneBits[lane] |= laneBits[lane + step]; }
  }
  return laneBits[lane];
}`;

/** The last lines: writes the word of the bits `isSet` to `words`. */
export const storeWord = (isSet: string): string => `
  let packed = wordOfLanes(${isSet}, lane);
  if (lane % 32u == 0u && word < p.words) { words[word] = packed; }`;
