import { dispose, type Tensor, zeros } from '@mobinet/tensor/functions';
import { kernelSetting } from '@mobinet/tensor/kernels';
import type { Communicator } from '../communicator.js';
import type { FlatLayout } from '../flat-layout.js';
import { expandPlain } from './compress.js';
import { blockTable, expandFast } from './compress.wasm.js';
import { ErrorFeedback, onCpu } from './error-feedback.js';
import { blocksOf, runsOf, type ScaledRun, wholeRuns } from './scaled-runs.js';

/**
 * Adds the vectors of all ranks approximately, with one bit per element: each rank sends the signs of its vector, and a
 * scale for each segment. Rank r is the server of slice r of the vector, elements r·n/R to (r + 1)·n/R: it adds the
 * votes of all ranks, and compresses their sum in the same way (1-bit Adam, Tang et al., 2021). What the signs lose is
 * kept and added in the next step, both where vectors are compressed and where their sums are (`ErrorFeedback`). So over
 * many steps the results add up to what the exact sums would add up to, but for what is still kept.
 *
 * The vectors are gradients if each step is linear in them, as in SGD. Adam divides by √v, and one scale for a whole
 * segment says nothing of the squares of its elements. So its first steps must add gradients exactly; then v stays as it
 * is, and each rank passes β₁·m/R + (1 − β₁)·g, which add up to the next m.
 *
 * A step sends 2·(R − 1)/R·n/8 bytes of signs from each rank, an exact sum of floats 2·(R − 1)/R·4n. All ranks get the
 * same bits. A vector that is NaN somewhere makes its whole segment NaN on all ranks.
 */
export class SignExchange {
  /** What this rank's vectors have lost so far. */
  readonly worker: ErrorFeedback;
  /** What the sums of this rank's slice have lost so far. */
  readonly server: ErrorFeedback;
  /** Bytes that a step sends to other ranks. */
  readonly bytesPerStep: number;
  /** The signs of this rank's slice, of all ranks. [ranks, slice / 32] */
  readonly votes: Tensor<'i32'>;
  /** The scales of all ranks. [ranks, segments] */
  readonly voteScales: Tensor;
  /** The signs of the sums. [length / 32] */
  readonly results: Tensor<'i32'>;
  /** The scales of the sums, [ranks, runs], where slices with fewer runs than others leave some out. */
  readonly resultScales: Tensor;
  readonly #blocks: readonly ScaledRun[];
  readonly #table: Tensor<'i32'>;

  /**
   * @param layout How the parameters lie in the vector: in one bucket. Each has a scale.
   * @param rank The number of this rank.
   */
  constructor(layout: FlatLayout, rank: number) {
    const { ranks, slice, length, segments } = layout;
    const runs = Array.from({ length: ranks }, (_, each) => runsOf(layout, each));
    const mostRuns = Math.max(...runs.map((own) => own.length));
    this.worker = new ErrorFeedback(length, wholeRuns(layout));
    this.server = new ErrorFeedback(slice, runs[rank], mostRuns);
    const inVector = (run: ScaledRun, r: number): ScaledRun => ({
      ...run,
      first: r * slice + run.first,
      scale: r * mostRuns + run.scale,
    });
    this.#blocks = blocksOf(runs.flatMap((own, r) => own.map((run) => inVector(run, r))));
    this.votes = onCpu(() => zeros([ranks, slice / 32], 'i32'));
    this.voteScales = onCpu(() => zeros([ranks, segments.length]));
    this.results = onCpu(() => zeros([length / 32], 'i32'));
    this.resultScales = onCpu(() => zeros([ranks, mostRuns]));
    this.#table = onCpu(() => blockTable(this.#blocks));
    this.bytesPerStep = (ranks - 1) * (2 * (slice / 8) + 4 * segments.length + 4 * mostRuns);
  }

  /**
   * Replaces the vector of this rank by approximately the sum of those of all ranks. All ranks must call it together.
   *
   * @param vector f32 [length]. A rank that had no images passes a gradient of zeros. Elements outside of segments are
   *   ignored; they may be overwritten by 0.
   */
  exchange(vector: Tensor, communicator: Communicator): void {
    this.compress(vector);
    communicator.allToAll(this.worker.words.values, this.votes.values);
    communicator.allGather(this.worker.scales.values, this.voteScales.values);
    this.serve();
    communicator.allGather(this.server.words.values, this.results.values);
    communicator.allGather(this.server.scales.values, this.resultScales.values);
    this.expand(vector);
  }

  /** The first part of `exchange`: fills `worker.words` and `worker.scales`. */
  compress(vector: Tensor): void {
    this.worker.compress(vector);
  }

  /** The second part: from `votes` and `voteScales` to `server.words` and `server.scales`. */
  serve(): void {
    this.server.compress({ words: this.votes, scales: this.voteScales });
  }

  /** The last part: from `results` and `resultScales` to the sums. @param sums Receives them: f32 [length]. */
  expand(sums: Tensor): void {
    if (kernelSetting().tier === 'reference') expandPlain(this.#blocks, this.results, this.resultScales, sums);
    else expandFast(this.#table, this.results, this.resultScales, sums);
  }

  /** Frees the memory. */
  dispose(): void {
    this.worker.dispose();
    this.server.dispose();
    dispose([this.votes, this.voteScales, this.results, this.resultScales, this.#table]);
  }
}
