/** The middle of the sorted values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * What several measurements of the same work gave. Other programs on the machine only ever make work slower, so the
 * minimum says what the work takes, and the median how disturbed the measurements were.
 */
export interface Spread {
  readonly minimum: number;
  readonly median: number;
}

export const spreadOf = (values: readonly number[]): Spread => ({
  minimum: Math.min(...values),
  median: median(values),
});

/** Summarizes turns: the minimum over all of them, and the median of their medians. */
export const spreadOfTurns = (turns: readonly Spread[]): Spread => ({
  minimum: Math.min(...turns.map(({ minimum }) => minimum)),
  median: median(turns.map((turn) => turn.median)),
});
