/**
 * Adds up numbers in a fixed binary tree, whose leaves come one after the other:
 *
 *     sum(leaves) = sum(first half) + sum(second half)        halves of 2^level leaves; an absent leaf is left out
 *
 * Addition of floats is not associative, so a sum has the same bits everywhere only if its order is fixed. Among all orders, a tree is the
 * one in which any half, quarter or eighth of the leaves can be added up apart, wherever they are, and still nothing changes: their sum
 * is one node of the same tree.
 *
 * It is done as a binary counter counts. Partial sums of 1, 2, 4, 8 … leaves are the digits; two of the same size are added and carried.
 * So of n leaves at most log₂ n + 1 sums are held at a time.
 */
export class TreeSum<T> {
  readonly #add: (left: T, right: T) => T;
  /** By level, the sum of 2^level leaves whose neighbour is still to come: null if all of these are absent, undefined where no sum waits. */
  readonly #waiting: (T | null | undefined)[] = [];

  /** @param add Takes over both of its arguments. */
  constructor(add: (left: T, right: T) => T) {
    this.#add = add;
  }

  /** Takes over the next leaf, or null where there is none at its place. */
  push(leaf: T | null): void {
    let sum = leaf;
    let level = 0;
    for (; this.#waiting[level] !== undefined; level++) {
      sum = this.#join(this.#waiting[level] as T | null, sum);
      this.#waiting[level] = undefined;
    }
    this.#waiting[level] = sum;
  }

  /** The sum of all leaves so far, as if those that fill the tree were absent; null if there was none. Starts again from nothing. */
  take(): T | null {
    const waiting = this.#waiting.splice(0);
    return waiting.reduce<T | null>((right, left) => this.#join(left ?? null, right), null);
  }

  /** Ends it without a sum. Returns the partial sums that were held. */
  clear(): T[] {
    return this.#waiting.splice(0).filter((sum) => sum !== undefined && sum !== null);
  }

  #join(left: T | null, right: T | null): T | null {
    if (left === null || right === null) return left ?? right;
    return this.#add(left, right);
  }
}
