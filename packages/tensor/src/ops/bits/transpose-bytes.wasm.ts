import { type I8x16, i8x16 } from '../../wasm/assembler.js';

/** From 16 bytes of each of 8 vectors to 8 bytes, one of each vector, for each of the 16 places: two places in a vector. */
export function transposeBytes(vectors: readonly I8x16[]): I8x16[] {
  let level: I8x16[][] = vectors.map((vector) => [vector]);
  // Two neighbours at a time are interleaved, in ever wider pieces: bytes, then pairs, then quads.
  for (let width = 1; level.length > 1; width *= 2) {
    const pairs = Array.from({ length: level.length / 2 }, (_, pair) => [level[2 * pair], level[2 * pair + 1]]);
    level = pairs.map(([a, b]) =>
      a.flatMap((vector, at) =>
        [0, 8].map((half) => i8x16.variable(vector.shuffleBytes(b[at], interleaved(width, half)))),
      ),
    );
  }
  return level[0];
}

/** Bytes half … half + 7 of two vectors, taken in turn, so many at a time. */
function interleaved(width: number, half: number): number[] {
  const pieces = Array.from({ length: 8 / width }, (_, piece) => half + piece * width);
  return pieces.flatMap((at) => [at, at + 16].flatMap((first) => Array.from({ length: width }, (_, i) => first + i)));
}
