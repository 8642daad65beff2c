import { checkNumber, wholeNumbers } from '@mobinet/tensor';

/** A run of elements that share a scale, such as the gradient of one parameter. */
export interface Segment {
  /** The index of its first element in the vector: a multiple of 32, since its signs start at a new word. */
  readonly first: number;
  /** The number of its elements, at least 1. */
  readonly length: number;
}

/** A segment, or the part of one that lies in the slice of a rank. */
export interface Piece extends Segment {
  /** The index of its scale. */
  readonly scale: number;
  /** The index of the segment that it belongs to. */
  readonly segment: number;
}

/** Elements in a block, which is what a thread processes at a time. A multiple of 32. */
export const blockSize = 4096;

/** @throws RangeError unless the segments follow each other in the vector, and the vector can be divided among ranks. */
export function checkSegments(segments: readonly Segment[], size: number, ranks: number): void {
  checkNumber('signs: size', size, wholeNumbers(0));
  if (size % (32 * ranks) !== 0) {
    throw new RangeError(`signs: the size ${size} is no multiple of ${32 * ranks}, 32 for each of the ranks`);
  }
  let end = 0;
  for (const [index, { first, length }] of segments.entries()) {
    const name = `signs: segment ${index}`;
    checkNumber(`${name}: first`, first, wholeNumbers(end, size));
    if (first % 32 !== 0) throw new RangeError(`${name} starts at ${first}, which is no multiple of 32`);
    checkNumber(`${name}: length`, length, wholeNumbers(1, size - first));
    end = first + length;
  }
}

/** The pieces of a whole vector: each segment has its own scale. */
export const wholePieces = (segments: readonly Segment[]): Piece[] =>
  segments.map((segment, index) => ({ ...segment, scale: index, segment: index }));

/**
 * Divides a vector into equal slices, one for each rank.
 *
 * @returns The pieces of each slice, numbered from 0 in each. Their positions are those in the vector.
 */
export function piecesOfSlices(segments: readonly Segment[], size: number, ranks: number): Piece[][] {
  const sliceSize = size / ranks;
  return Array.from({ length: ranks }, (_, rank) => {
    const [from, to] = [rank * sliceSize, (rank + 1) * sliceSize];
    return segments
      .map(({ first, length }, segment) => {
        const start = Math.max(first, from);
        return { first: start, length: Math.min(first + length, to) - start, segment };
      })
      .filter(({ length }) => length > 0)
      .map((piece, scale) => ({ ...piece, scale }));
  });
}

/** Divides pieces into blocks, which have at most `blockSize` elements each. */
export function blocksOf(pieces: readonly Piece[]): Piece[] {
  return pieces.flatMap((piece) =>
    Array.from({ length: Math.ceil(piece.length / blockSize) }, (_, index) => ({
      ...piece,
      first: piece.first + index * blockSize,
      length: Math.min(blockSize, piece.length - index * blockSize),
    })),
  );
}
