/**
 * Sums values in a fixed binary tree whose leaves arrive one by one:
 *
 *     sum(leaves) = sum(first half) + sum(second half)        halves of 2^level leaves; absent leaves are skipped
 *
 * Float addition is not associative, so a sum is reproducible only if its order is fixed. A tree has an advantage over
 * other orders: any half, quarter or eighth of the leaves can be summed elsewhere without changing the result, since
 * their sum is a node of the same tree.
 *
 * The sum works like a binary counter: partial sums of 1, 2, 4, 8 … leaves are its digits, and two of the same size are
 * added and carried. So for n leaves, at most log₂ n + 1 partial sums are alive at a time.
 */
export class TreeSum<T> {
  readonly #add: (left: T, right: T) => T;
  /** By level, the sum of 2^level leaves that waits for its sibling: null if all are absent, undefined without one. */
  readonly #waiting: (T | null | undefined)[] = [];

  /** @param add Takes ownership of both of its arguments. */
  constructor(add: (left: T, right: T) => T) {
    this.#add = add;
  }

  /** Adds the next leaf and takes ownership of it. null stands for an absent leaf. */
  push(leaf: T | null): void {
    let sum = leaf;
    let level = 0;
    for (; this.#waiting[level] !== undefined; level++) {
      sum = this.#join(this.#waiting[level] as T | null, sum);
      this.#waiting[level] = undefined;
    }
    this.#waiting[level] = sum;
  }

  /**
   * Returns the sum of all leaves so far, or null without any, and resets. Leaves missing in the tree count as absent.
   */
  take(): T | null {
    const waiting = this.#waiting.splice(0);
    return waiting.reduce<T | null>((right, left) => this.#join(left ?? null, right), null);
  }

  /** Resets without a sum. Returns the partial sums, for the caller to dispose. */
  clear(): T[] {
    return this.#waiting.splice(0).filter((sum) => sum !== undefined && sum !== null);
  }

  #join(left: T | null, right: T | null): T | null {
    if (left === null || right === null) return left ?? right;
    return this.#add(left, right);
  }
}
