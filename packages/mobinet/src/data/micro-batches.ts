/** The size of a batch, and the most micro-batches that it is cut into. */
export interface BatchSizes {
  readonly batchSize: number;
  readonly microBatches: number;
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
