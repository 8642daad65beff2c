import { dispose, keep, type Tensor, withBackend, zeros } from '@mobinet/tensor/functions';
import { partOf } from '@mobinet/tensor/kernels';
import type { Communicator, PendingExchange } from './communicator.js';
import type { FlatLayout } from './flat-layout.js';
import { orderedSum } from './ordered-sum.js';

/**
 * A vector on the CPU that ranks add up and share, each being responsible for its slices (`FlatLayout`). Buckets travel
 * by themselves: the first can be sent while the last is still being computed, and is added up or unpacked while later
 * ones are on their way.
 */
export class SlicedVector {
  /** The whole vector, [length]. */
  readonly whole: Tensor;
  /** The slices of this rank, one after the other, [ownLength]. */
  readonly own: Tensor;
  readonly #layout: FlatLayout;
  readonly #communicator: Communicator;
  /** For each bucket, the vectors of all ranks in the slice of this one, [ranks, slice]. */
  readonly #received: readonly Tensor[];
  /** For each bucket, the slice of this rank. */
  readonly #slices: readonly Tensor[];
  /** The buckets that have been sent, and not yet added up. */
  readonly #arriving: PendingExchange[] = [];

  constructor(layout: FlatLayout, communicator: Communicator) {
    const { buckets, slice, ranks, length, ownLength } = layout;
    this.#layout = layout;
    this.#communicator = communicator;
    [this.whole, this.own, this.#received, this.#slices] = withBackend('cpu', () => {
      const own = keep(zeros([ownLength]));
      return [
        keep(zeros([length])),
        own,
        Array.from({ length: buckets }, () => keep(zeros([ranks, slice]))),
        Array.from({ length: buckets }, (_, bucket) => keep(partOf(own, bucket * slice, slice))),
      ];
    });
  }

  /** The number of elements whose buckets have been sent, from the start of the vector. */
  get sent(): number {
    return this.#arriving.length * this.#layout.bucket;
  }

  /** Begins to send the next bucket. All ranks must send the same buckets. */
  send(): void {
    const bucket = this.#arriving.length;
    const received = this.#received[bucket].values;
    this.#arriving.push(this.#communicator.startAllToAll(this.#valuesOf(bucket), received));
  }

  /** Lets the buckets that have been sent make progress. */
  poll(): void {
    for (const pending of this.#arriving) pending.poll();
  }

  /**
   * Adds the vectors of all ranks in the order of the tree, after all buckets have been sent, and leaves in `own` the
   * slices of this rank.
   *
   * @param present Whether each rank has a vector.
   */
  reduceScatter(present: readonly boolean[]): void {
    for (const [bucket, pending] of this.#arriving.splice(0).entries()) {
      pending.wait();
      orderedSum(this.#received[bucket], this.#slices[bucket], present);
    }
  }

  /** Waits for the buckets that have been sent, and forgets them. */
  abandon(): void {
    for (const pending of this.#arriving.splice(0)) pending.wait();
  }

  /**
   * Hands the slices of each rank to all.
   *
   * @param use Called with the range [from, to) of `whole` that has arrived.
   */
  allGather(use: (from: number, to: number) => void = () => {}): void {
    const arriving = this.#slices.map((own, bucket) =>
      this.#communicator.startAllGather(own.values, this.#valuesOf(bucket)),
    );
    for (const [bucket, pending] of arriving.entries()) {
      pending.wait();
      use(...this.#rangeOf(bucket));
    }
  }

  /** Frees the memory. */
  dispose(): void {
    dispose([this.whole, this.own, this.#received, this.#slices]);
  }

  #rangeOf(bucket: number): [from: number, to: number] {
    const { bucket: length } = this.#layout;
    return [bucket * length, (bucket + 1) * length];
  }

  #valuesOf(bucket: number): Float32Array {
    return this.whole.values.subarray(...this.#rangeOf(bucket));
  }
}
