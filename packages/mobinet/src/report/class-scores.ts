/**
 * How many images of each class were taken for each class: the entries of a confusion matrix [class, predicted class]
 * that are not 0, by their index. With many classes, nearly all of them are 0.
 */
export type Confusion = ReadonlyMap<number, number>;

/** How well a network recognizes one class. */
export interface ClassScores {
  /** Images of this class. */
  readonly images: number;
  /** Images that the network took for this class. */
  readonly predicted: number;
  /** Images of this class that it recognized. */
  readonly hits: number;
  /** hits / predicted; null if nothing was taken for this class. */
  readonly precision: number | null;
  /** hits / images; null if there are no images of this class. */
  readonly recall: number | null;
}

/** Precision and recall of each class. */
export function classScores(confusion: Confusion, classes: number): ClassScores[] {
  const [images, predicted] = [0, 1].map(() => new Uint32Array(classes));
  for (const [at, count] of confusion) {
    images[Math.floor(at / classes)] += count;
    predicted[at % classes] += count;
  }
  return Array.from({ length: classes }, (_, c) => {
    const hits = confusion.get(c * classes + c) ?? 0;
    const [precision, recall] = [share(hits, predicted[c]), share(hits, images[c])];
    return { images: images[c], predicted: predicted[c], hits, precision, recall };
  });
}

const share = (part: number, all: number): number | null => (all === 0 ? null : part / all);

/** Images of one class that were taken for another. */
export interface ConfusedPair {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
}

/** The most frequent confusions, at most `limit`. */
export function confusedPairs(confusion: Confusion, classes: number, limit: number): ConfusedPair[] {
  return Array.from(confusion, ([at, count]) => ({ label: Math.floor(at / classes), predicted: at % classes, count }))
    .filter(({ label, predicted }) => label !== predicted)
    .sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted)
    .slice(0, limit);
}
