/**
 * How many pixels the data of a frame stand for. Where there are too few, decoders show some colour or other and say nothing.
 *
 * The data are codes of Lempel, Ziv and Welch (GIF89a specification, appendix F). A code stands for a row of pixels: for one of a colour,
 * or for what the code before stood for and one more. Their colours do not matter here, so that it is enough to keep their lengths.
 *
 * @param at Where the data begin: a byte that says how many bits a colour has, then sub-blocks.
 * @throws Error at a code that stands for nothing.
 */
export function countPixels(gif: Buffer, at: number): number {
  const colourBits = gif[at];
  const clear = 1 << colourBits;
  const end = clear + 1;
  const lengths = new Int32Array(4096).fill(1, 0, clear);
  let [next, bits, previous] = [clear + 2, colourBits + 1, -1];
  let [held, heldBits, count] = [0, 0, 0];
  for (let block = at + 1; gif[block] > 0; block += 1 + gif[block]) {
    for (let i = block + 1; i <= block + gif[block]; i++) {
      held |= gif[i] << heldBits;
      heldBits += 8;
      while (heldBits >= bits) {
        const code = held & ((1 << bits) - 1);
        held >>>= bits;
        heldBits -= bits;
        if (code === end) return count;
        if (code === clear) {
          [next, bits, previous] = [clear + 2, colourBits + 1, -1];
          continue;
        }
        if (previous >= 0 && next < 4096) {
          lengths[next++] = lengths[previous] + 1;
          if (next === 1 << bits && bits < 12) bits++;
        }
        if (code >= next) throw new Error(`it is a corrupt GIF (code ${code} of ${next})`);
        count += lengths[code];
        previous = code;
      }
    }
  }
  return count;
}
