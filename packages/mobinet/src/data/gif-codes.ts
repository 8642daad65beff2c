/**
 * Counts the pixels that the data of a frame encodes. If there are too few, decoders silently fill in some colors.
 *
 * The data consists of Lempel-Ziv-Welch codes (GIF89a specification, appendix F). A code stands for a sequence of
 * pixels: a single pixel, or the sequence of an earlier code and one more pixel. Colors do not matter for the count, so
 * it is enough to track the length of each code's sequence.
 *
 * @param at Where the data begins: a byte with the number of bits per color, then sub-blocks.
 * @throws Error at an undefined code.
 */
export function countPixels(gif: Buffer, at: number): number {
  const colorBits = gif[at];
  const clear = 1 << colorBits;
  const end = clear + 1;
  const lengths = new Int32Array(4096).fill(1, 0, clear);
  let [next, bits, previous] = [clear + 2, colorBits + 1, -1];
  let [buffer, bufferedBits, count] = [0, 0, 0];
  for (let block = at + 1; gif[block] > 0; block += 1 + gif[block]) {
    for (let i = block + 1; i <= block + gif[block]; i++) {
      buffer |= gif[i] << bufferedBits;
      bufferedBits += 8;
      while (bufferedBits >= bits) {
        const code = buffer & ((1 << bits) - 1);
        buffer >>>= bits;
        bufferedBits -= bits;
        if (code === end) return count;
        if (code === clear) {
          [next, bits, previous] = [clear + 2, colorBits + 1, -1];
          continue;
        }
        if (previous >= 0 && next < 4096) {
          lengths[next++] = lengths[previous] + 1;
          if (next === 1 << bits && bits < 12) bits++;
        }
        if (code >= next) throw new Error(`it is a corrupt GIF (code ${code} is undefined)`);
        count += lengths[code];
        previous = code;
      }
    }
  }
  return count;
}
