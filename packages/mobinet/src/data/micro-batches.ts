/** The size of a batch, and the most micro-batches that it is cut into. */
export interface BatchSizes {
  readonly batchSize: number;
  readonly microBatches: number;
}

/** One of several processes that divide the micro-batches of each batch among them. */
export interface Share {
  /** The number of this process, from 0. */
  readonly rank: number;
  /** The number of processes. */
  readonly size: number;
}

/** The largest number of images in a micro-batch. */
export function microBatchSize({ batchSize, microBatches }: BatchSizes): number {
  return Math.ceil(batchSize / microBatches);
}

/**
 * Cuts a batch into micro-batches.
 *
 * The last batch of an epoch may have fewer images. It is cut into as few micro-batches as can hold them, all of about
 * the same size, since batch normalization learns nothing from a micro-batch of one image.
 *
 * @param count The number of images in the batch, including those that turn out to be unreadable.
 * @returns The half-open range of images in each micro-batch.
 */
export function cutBatch(count: number, sizes: BatchSizes): readonly (readonly [from: number, to: number])[] {
  const pieces = Math.ceil(count / microBatchSize(sizes));
  return Array.from({ length: pieces }, (_, i) => [
    Math.floor((i * count) / pieces),
    Math.floor(((i + 1) * count) / pieces),
  ]);
}

/**
 * The micro-batches of a batch that one of several processes computes: neighbors, so that their sum is a node of the
 * tree in which all are summed (`TreeSum`).
 *
 * @param pieces The micro-batches of the batch, at most `microBatches`.
 * @param microBatches A multiple of the number of processes.
 */
export function piecesOf<T>(pieces: readonly T[], microBatches: number, { rank, size }: Share): readonly T[] {
  const each = microBatches / size;
  return pieces.slice(rank * each, (rank + 1) * each);
}
