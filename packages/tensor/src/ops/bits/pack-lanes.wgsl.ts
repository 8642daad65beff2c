import { groupsOf } from '../../backends/webgpu/shader.js';

/**
 * A workgroup packs 8 words with one invocation per bit, so that neighboring invocations read neighboring channels.
 */
const wordsPerWorkgroup = 8;
const lanes = 32 * wordsPerWorkgroup;

/** Workgroup size of a shader that packs bits. */
export const packWorkgroup = [lanes, 1] as const;

/** Number of workgroups that pack this many words. */
export const packGroups = (words: number): [number, number] => groupsOf(words, wordsPerWorkgroup);

/**
 * First lines of a shader that packs bits. `word` is the invocation's word, `row` and `c` are the row and channel of
 * its bit, and `isInside` tells whether that bit exists. Needs the parameters `words` and `channels`.
 */
export const bitOfLane = `
  let word = (group.y * groups.x + group.x) * ${wordsPerWorkgroup}u + lane / 32u;
  let rowWords = (p.channels + 31u) / 32u;
  let row = word / rowWords;
  let c = (word % rowWords) * 32u + lane % 32u;
  let isInside = word < p.words && c < p.channels;`;

/**
 * WGSL of `wordOfLanes(isSet, lane)`, which packs the `isSet` of 32 neighboring invocations into a word, and returns
 * it to the first of them. All invocations of the workgroup have to call it.
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

/** Last lines of a shader that packs bits: writes the word of the bits `isSet` to the buffer `words`. */
export const storeWord = (isSet: string): string => `
  let packed = wordOfLanes(${isSet}, lane);
  if (lane % 32u == 0u && word < p.words) { words[word] = packed; }`;
