import type { Tensor } from '@mobinet/tensor';
import { alone, type Communicator } from '../communicator.js';
import type { ExchangeBuffer } from '../exchange-buffer.js';
import { FlatLayout } from '../flat-layout.js';
import { SignExchange } from './sign-exchange.js';

/** Parameters of some sizes in a vector that ranks divide, as `MomentumSigns` lays them out. */
export const layOut = (sizes: readonly number[], ranks: number): FlatLayout =>
  new FlatLayout(
    sizes.map((size, index) => [String(index), size]),
    { ranks, bucket: Number.POSITIVE_INFINITY },
  );

/**
 * Several ranks in one process. Rank 0 calls `exchange`; when it communicates, the others do what they have to do until
 * then, and their buffers are copied.
 */
export class VirtualRanks {
  readonly ranks: readonly SignExchange[];
  /** Bytes that rank 0 has sent to others. */
  bytesSent = 0;

  constructor(layout: FlatLayout) {
    this.ranks = Array.from({ length: layout.ranks }, (_, rank) => new SignExchange(layout, rank));
  }

  /** @param gradients Those of each rank, which are replaced. */
  exchange(gradients: readonly Tensor[]): void {
    const [first, ...others] = this.ranks;
    others.forEach((rank, index) => {
      rank.compress(gradients[index + 1]);
    });
    const gathers = [
      () => this.#gather((rank) => [rank.worker.scales, rank.voteScales]),
      () => {
        for (const rank of others) rank.serve();
        this.#gather((rank) => [rank.server.words, rank.results]);
      },
      () => this.#gather((rank) => [rank.server.scales, rank.resultScales]),
    ];
    const communicator: Communicator = {
      ...alone,
      size: this.ranks.length,
      allToAll: (send, receive) => {
        this.#send(send);
        this.#scatter();
        if (
          send !== (first.worker.words.values as ExchangeBuffer) ||
          receive !== (first.votes.values as ExchangeBuffer)
        ) {
          throw new Error('rank 0 exchanges other buffers than the votes');
        }
      },
      allGather: (own, all) => {
        if (all.length !== this.ranks.length * own.length) throw new Error('allGather: the lengths do not fit');
        this.bytesSent += (this.ranks.length - 1) * own.byteLength;
        gathers.shift()!();
      },
    };
    first.exchange(gradients[0], communicator);
    others.forEach((rank, index) => {
      rank.expand(gradients[index + 1]);
    });
  }

  /** All ranks send the blocks of an `allToAll` but their own. */
  #send(send: ExchangeBuffer): void {
    this.bytesSent += (send.byteLength / this.ranks.length) * (this.ranks.length - 1);
  }

  /** Hands each rank its slice of all words. */
  #scatter(): void {
    for (const [to, { votes }] of this.ranks.entries()) {
      const length = votes.shape[1];
      for (const [from, { worker }] of this.ranks.entries()) {
        votes.values.set(worker.words.values.subarray(to * length, (to + 1) * length), from * length);
      }
    }
  }

  /** Hands all ranks what each of them has. */
  #gather(buffers: (rank: SignExchange) => readonly [Tensor, Tensor] | readonly [Tensor<'i32'>, Tensor<'i32'>]): void {
    for (const rank of this.ranks) {
      const [, all] = buffers(rank);
      for (const [from, other] of this.ranks.entries()) {
        const [own] = buffers(other);
        all.values.set(own.values, from * own.size);
      }
    }
  }

  dispose(): void {
    for (const rank of this.ranks) rank.dispose();
  }
}
