import { dispose, keep, type Tensor, withBackend, zeros } from '@mobinet/tensor/functions';
import { kernelSetting } from '@mobinet/tensor/kernels';
import { type Compression, compressPlain, scalesOf, type Votes } from './compress.js';
import { blockTable, compressFast } from './compress.wasm.js';
import { blocksOf, type ScaledRun } from './scaled-runs.js';

/**
 * Compresses a vector to its signs and a scale for each run, again and again. What the signs lose of one vector is
 * added to the next (error feedback: Seide et al., 2014; Karimireddy et al., 2019), so everything is sent in the end:
 *
 *     c ← x + e        scale = mean |c|        sent: scale · sign(c)        e ← c − scale · sign(c)
 *
 * The subtraction is left to the next compression, since a pass of its own would take as long as all the rest. So c is
 * kept instead of e, with its scales.
 *
 * A NaN in x makes the scale of its run NaN, so all elements of the run become NaN, on all ranks and in all later
 * steps. An infinity makes them infinite, and then NaN.
 */
export class ErrorFeedback {
  /** c: f32 [elements], 0 at first. */
  readonly sums: Tensor;
  /** The scales of the last compression: f32 [runs], 0 at first. */
  readonly scales: Tensor;
  /** The signs of the last compression, in words of 32: bit 1 is −1. [elements / 32] */
  readonly words: Tensor<'i32'>;
  readonly #blocks: readonly ScaledRun[];
  readonly #table: Tensor<'i32'>;

  /**
   * @param size The number of elements, a multiple of 32.
   * @param runs The runs of elements that share a scale.
   * @param scales The number of scales. Default: one for each run.
   */
  constructor(size: number, runs: readonly ScaledRun[], scales = runs.length) {
    this.#blocks = blocksOf(runs);
    this.sums = onCpu(() => zeros([size]));
    this.scales = onCpu(() => zeros([scales]));
    this.words = onCpu(() => zeros([size / 32], 'i32'));
    this.#table = onCpu(() => blockTable(this.#blocks));
  }

  /**
   * Compresses a vector into `words` and `scales`.
   *
   * @param source x: f32 [elements], or the votes that it is the sum of.
   */
  compress(source: Tensor | Votes): void {
    const compression: Compression = { blocks: this.#blocks, sums: this.sums, scales: this.scales, words: this.words };
    const blockSums =
      kernelSetting().tier === 'reference'
        ? compressPlain(source, compression)
        : compressFast(source, compression, this.#table);
    scalesOf(this.#blocks, blockSums, this.scales);
  }

  /** Frees the memory. */
  dispose(): void {
    dispose([this.sums, this.scales, this.words, this.#table]);
  }
}

/** Makes a tensor in the memory that kernels and MPI share, and that lives until it is disposed. */
export const onCpu = <T>(make: () => T): T => withBackend('cpu', () => keep(make()));
