/** A batch, and how many micro-batches it is cut into at most. */
export interface BatchSizes {
  readonly batchSize: number;
  readonly microBatches: number;
}

/** Images in a micro-batch, at most. */
export function microBatchSize({ batchSize, microBatches }: BatchSizes): number {
  return Math.ceil(batchSize / microBatches);
}

/**
 * Where a batch is cut into micro-batches: from which image to before which.
 *
 * The last batch of an epoch may have fewer images. It is cut into as few micro-batches as hold them, all of about the same size: batch
 * normalisation learns nothing from a micro-batch of one image.
 *
 * @param count Images in the batch, those included that turn out to be unreadable.
 */
export function cutBatch(count: number, sizes: BatchSizes): readonly (readonly [from: number, to: number])[] {
  const pieces = Math.ceil(count / microBatchSize(sizes));
  return Array.from({ length: pieces }, (_, i) => [
    Math.floor((i * count) / pieces),
    Math.floor(((i + 1) * count) / pieces),
  ]);
}
