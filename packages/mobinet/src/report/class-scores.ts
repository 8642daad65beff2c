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

/** Precision and recall of each class, from a confusion matrix [class, predicted class]. */
export function classScores(confusion: ArrayLike<number>, classes: number): ClassScores[] {
  return Array.from({ length: classes }, (_, at) => {
    let [images, predicted] = [0, 0];
    for (let other = 0; other < classes; other++) {
      images += confusion[at * classes + other];
      predicted += confusion[other * classes + at];
    }
    const hits = confusion[at * classes + at];
    return { images, predicted, hits, precision: share(hits, predicted), recall: share(hits, images) };
  });
}

const share = (part: number, all: number): number | null => (all === 0 ? null : part / all);

/** Images of one class that were taken for another. */
export interface ConfusedPair {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
}

/** The most frequent confusions, at most `limit`, from a confusion matrix [class, predicted class]. */
export function confusedPairs(confusion: ArrayLike<number>, classes: number, limit: number): ConfusedPair[] {
  const pairs: ConfusedPair[] = [];
  for (let at = 0; at < classes * classes; at++) {
    const [label, predicted] = [Math.floor(at / classes), at % classes];
    if (label !== predicted && confusion[at] > 0) pairs.push({ label, predicted, count: confusion[at] });
  }
  return pairs.sort((a, b) => b.count - a.count).slice(0, limit);
}
