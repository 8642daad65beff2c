import type { FlatLayout } from '../flat-layout.js';

/** A run of elements that share a scale: the gradient of one parameter, or the part of it in the slice of a rank. */
export interface ScaledRun {
  /** The index of its first element: a multiple of 32, since its signs start at a new word. */
  readonly first: number;
  /** The number of its elements, at least 1. */
  readonly length: number;
  /** The index of its scale. */
  readonly scale: number;
  /** The index of the parameter. */
  readonly segment: number;
}

/** Elements in a block, which is what a thread processes at a time. A multiple of 32. */
export const blockSize = 4096;

/** The runs of a whole vector: each parameter has its own scale. */
export const wholeRuns = ({ segments }: FlatLayout): ScaledRun[] =>
  segments.map(({ offset, size }, index) => ({ first: offset, length: size, scale: index, segment: index }));

/**
 * The runs in the slices of a rank. Their scales are numbered from 0 for each rank.
 *
 * @returns Their positions are those among the slices of the rank.
 */
export function runsOf(layout: FlatLayout, rank: number): ScaledRun[] {
  const indices = new Map(layout.segments.map(({ name }, index) => [name, index]));
  return layout
    .piecesOf(rank)
    .map(({ name, size, place }, scale) => ({ first: place, length: size, scale, segment: indices.get(name)! }));
}

/** Divides runs into blocks, which have at most `blockSize` elements each. */
export function blocksOf(runs: readonly ScaledRun[]): ScaledRun[] {
  return runs.flatMap((run) =>
    Array.from({ length: Math.ceil(run.length / blockSize) }, (_, index) => ({
      ...run,
      first: run.first + index * blockSize,
      length: Math.min(blockSize, run.length - index * blockSize),
    })),
  );
}
