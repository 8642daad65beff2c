/**
 * How many elements of [rows, channels] the loops over channels take at a time: whole rows, few enough to stay in the
 * first-level cache.
 *
 * Within such a tile they go down one channel after the other (`at += channels`). So what belongs to the channel, a
 * scale or a running sum, stays in a register; going along the rows, each element would load and store it anew.
 */
export function tileOf(channels: number): number {
  return Math.max(1, Math.floor(4096 / channels)) * channels;
}
