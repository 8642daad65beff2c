import { groupsOf } from '../../backends/webgpu/shader.js';

/**
 * A workgroup packs 8 words with one invocation per bit, so that neighboring invocations read neighboring channels.
 */
const wordsPerWorkgroup = 8;
const lanes = 32 * wordsPerWorkgroup;

/**
 * Workgroup size of a shader that packs bits.
 *
 * @example
 * ```ts
 * import { packWorkgroup } from '@mobinet/tensor/kernels';
 *
 * console.log(`${packWorkgroup}`); // an invocation for each bit of eight words
 * // → 256,1
 * ```
 */
export const packWorkgroup = [lanes, 1] as const;

/**
 * Number of workgroups that pack this many words.
 *
 * @example
 * ```ts
 * import { packGroups } from '@mobinet/tensor/kernels';
 *
 * console.log(`${packGroups(100)}`); // workgroups of eight words
 * // → 13,1
 * ```
 */
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
 *
 * @example
 * ```ts
 * import { packLanes } from '@mobinet/tensor/kernels';
 *
 * console.log(packLanes.includes('fn wordOfLanes(isSet: bool, lane: u32) -> u32'));
 * // → true
 * ```
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

/**
 * Last lines of a shader that packs bits: writes the word of the bits `isSet` to the buffer `words`.
 *
 * @example
 * ```ts
 * import { bitOfLane, packLanes, packWorkgroup, Shader, storeWord } from '@mobinet/tensor/kernels';
 *
 * const negative = new Shader('pack_negative', {
 *   reads: { x: 'f32' },
 *   writes: { words: 'u32' },
 *   parameters: { words: 'u32', channels: 'u32' },
 *   workgroup: packWorkgroup,
 *   declarations: packLanes,
 *   main: bitOfLane + storeWord('isInside && x[row * p.channels + c] < 0.0'),
 * }); // negative.run({ x }, { words: bits }, { words, channels }, packGroups(words))
 * console.log(negative.code().includes('wordOfLanes(isInside && x[row * p.channels + c] < 0.0, lane)'));
 * // → true
 * ```
 */
export const storeWord = (isSet: string): string => `
  let packed = wordOfLanes(${isSet}, lane);
  if (lane % 32u == 0u && word < p.words) { words[word] = packed; }`;
