/** Bit `channel` of a row of packed signs. */
export function bitAt(words: Uint32Array, rowAt: number, channel: number): number {
  return (words[rowAt + (channel >> 5)] >>> (channel & 31)) & 1;
}
