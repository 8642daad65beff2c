import { type I8x16, i8x16 } from '../../wasm/assembler.js';

/** Transposes an 8×16 matrix of bytes, from 8 vectors with a row each to 8 vectors with two columns each. */
export function transposeBytes(vectors: readonly I8x16[]): I8x16[] {
  let level: I8x16[][] = vectors.map((vector) => [vector]);
  // Neighbors are interleaved in pieces of increasing width: bytes, then pairs, then quads.
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

/** Shuffle indices that interleave bytes [half, half + 8) of two vectors in pieces of `width` bytes. */
function interleaved(width: number, half: number): number[] {
  const pieces = Array.from({ length: 8 / width }, (_, piece) => half + piece * width);
  return pieces.flatMap((at) => [at, at + 16].flatMap((first) => Array.from({ length: width }, (_, i) => first + i)));
}
