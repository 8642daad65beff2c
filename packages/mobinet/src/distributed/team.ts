import { deserialize, serialize } from 'node:v8';
import { messageOf } from '../data/errors.js';
import { isCommon, markCommon } from './common-errors.js';
import { alone, type Communicator } from './communicator.js';
import { allGatherBytes, broadcastBytes } from './messages.js';

/** What a rank says where all of them meet: the value of its work, or why it failed. */
type Outcome<T> = { readonly value: T } | { readonly failure: string };

/** Thrown on all ranks if one of them has failed. */
export class RankError extends Error {
  override readonly name = 'RankError';
}

/**
 * The ranks of a training, which act as one program: they meet after each piece of work, and if it has failed on one of
 * them, it fails on all. So none waits for another that has given up, and all can still save what they have together.
 *
 * With a single process, work just runs.
 */
export class Team {
  /** The number of this process, from 0. */
  readonly rank: number;
  /** The number of processes. */
  readonly size: number;
  readonly #explain: (error: unknown) => unknown;

  /** @param options.explain Replaces an error before it is thrown and told to the others. Default: none. */
  constructor(
    readonly communicator: Communicator = alone,
    { explain = (error) => error }: { explain?: (error: unknown) => unknown } = {},
  ) {
    this.rank = communicator.rank;
    this.size = communicator.size;
    this.#explain = explain;
  }

  /** Whether this process reads and writes the files of the run, and speaks to the user. */
  get leads(): boolean {
    return this.rank === 0;
  }

  /**
   * Does work on every rank.
   *
   * @param work Its value must survive the structured clone algorithm.
   * @returns The values of all ranks, in order.
   * @throws What `work` throws. If it has failed on another rank, a RankError with the message and the number of that
   *   rank. If it has failed on several, all throw the failure of the first.
   */
  async all<T>(work: () => T | Promise<T>): Promise<T[]> {
    const { outcome, error } = await this.#attempt(work);
    if (this.size === 1) return 'failure' in outcome ? fail(error) : [outcome.value];
    const outcomes = allGatherBytes(this.communicator, serialize(outcome)).map(
      (bytes) => deserialize(bytes) as Outcome<T>,
    );
    const first = outcomes.findIndex((each) => 'failure' in each);
    if (first < 0) return outcomes.map((each) => (each as { value: T }).value);
    const { failure } = outcomes[first] as { failure: string };
    throw this.common(first === this.rank && first === 0 ? error : new RankError(`rank ${first}: ${failure}`));
  }

  /**
   * Does work on rank 0 only, and hands its value to all.
   *
   * @throws On all ranks if it has failed: what it throws on rank 0, and a RankError on the others.
   */
  async first<T>(work: () => T | Promise<T>): Promise<T> {
    const own = this.leads ? await this.#attempt(work) : null;
    const bytes = this.size === 1 ? null : broadcastBytes(this.communicator, own && serialize(own.outcome));
    const outcome = own?.outcome ?? (deserialize(bytes!) as Outcome<T>);
    if ('value' in outcome) return outcome.value;
    throw this.common(own ? own.error : new RankError(outcome.failure));
  }

  /** Marks an error that all ranks throw at the same point, since all of them have seen the same reason. */
  common<E>(error: E): E {
    return markCommon(error);
  }

  /** Runs code that does the same on all ranks, so that what it throws is thrown by all. */
  together<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.common(error);
    }
  }

  async #attempt<T>(work: () => T | Promise<T>): Promise<{ outcome: Outcome<T>; error?: unknown }> {
    try {
      return { outcome: { value: await work() } };
    } catch (thrown) {
      const error = this.#explain(thrown);
      return { outcome: { failure: messageOf(error) }, error };
    }
  }

  /** Whether all ranks have thrown this error, so that they can go on together, for example to save. */
  isCommon(error: unknown): boolean {
    return this.size === 1 || isCommon(error);
  }
}

const fail = (error: unknown): never => {
  throw error;
};
