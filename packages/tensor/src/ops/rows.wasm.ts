import { chunksOf } from '../backends/cpu/dispatch.js';
import { withTemporary } from '../backends/cpu/heap.js';
import { type Argument, Kernel, type KernelParameters, type ParameterTypes } from '../backends/cpu/kernel.js';
import { doublesAt, floatsAt } from '../backends/cpu/memory.js';
import { memoize } from '../backends/memoize.js';
import {
  type F32x4,
  f32x4,
  f64x2,
  forEachFour,
  forRange,
  type I32,
  i32,
  i32x4,
  store,
  storeFour,
  type Variable,
} from '../wasm/assembler.js';

// Kernels over matrices [rows, channels]. Per-channel values, such as a scale or a sum, are vectors [channels].

/** The code of an operation on four channels of the operands. */
type Formula<R> = (rows: readonly F32x4[], vectors: readonly F32x4[]) => R;

/** Loads four elements as floats, converting them if they are stored as another type. */
type Load = (address: I32, offset: number) => F32x4;
const loadFloats: Load = (address, offset) => f32x4.load(address, offset);

const named = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, k) => `${prefix}${k}`);
const addressesOf = (names: readonly string[]): Record<string, typeof i32> =>
  Object.fromEntries(names.map((name) => [name, i32]));

/**
 * Computes each element of a matrix from the elements of other matrices at the same place and per-channel vectors.
 *
 * @example
 * ```ts
 * import { ones, tensor, zeros } from '@mobinet/tensor';
 * import { ChannelKernel } from '@mobinet/tensor/kernels';
 *
 * const shift = new ChannelKernel('example_shift', 1, 1, ([x], [bias]) => x.add(bias));
 * const y = zeros([2, 3]);
 * shift.run([ones([2, 3])], [tensor([10, 20, 30])], y, 2, 3);
 * console.log(`${y.values}`);
 * // → 11,21,31,11,21,31
 * ```
 */
export class ChannelKernel {
  readonly #kernel: Kernel<ParameterTypes>;

  /**
   * @param name Suffix of the kernel's name.
   * @param matrices Number of matrix operands [rows, channels].
   * @param vectors Number of vector operands [channels].
   * @param formula Four elements of the result, from four of each matrix and of each vector.
   * @param options How the matrices are stored.
   * @param options.load Loads four elements of a matrix as floats. Default: they are f32.
   * @param options.elementBytes Size of a matrix element in memory. Default 4.
   */
  constructor(
    name: string,
    readonly matrices: number,
    readonly vectors: number,
    formula: Formula<F32x4>,
    { load = loadFloats, elementBytes = 4 }: { load?: Load; elementBytes?: number } = {},
  ) {
    const [matrixNames, vectorNames] = [named('x', matrices), named('v', vectors)];
    const types = { y: i32, channels: i32, ...addressesOf(matrixNames), ...addressesOf(vectorNames) };
    this.#kernel = new Kernel<ParameterTypes>(`f32_${name}`, types, (all, from, to) => {
      const p = all as KernelParameters<Record<string, typeof i32>>;
      const first = i32.variable(from.mul(p.channels), 'first');
      const sources = matrixNames.map((name) => i32.variable(p[name].add(first.mul(elementBytes)), 'source'));
      const target = i32.variable(p.y.add(first.mul(4)), 'target');
      forRange(from, to, 1, () => {
        const vectorAt = vectorNames.map((name) => i32.variable(p[name], 'vectorAt'));
        const element = (): F32x4 =>
          formula(
            sources.map((at) => f32x4.variable(load(at, 0))),
            vectorAt.map((at) => f32x4.load(at)),
          );
        forEachFour(p.channels, (_, rest) => {
          storeFour(target, f32x4.variable(element(), 'element'), rest);
          const times = (bytes: number): I32 | number => (rest ? rest.mul(bytes) : 4 * bytes);
          for (const at of sources) at.set(at.add(times(elementBytes)));
          for (const at of [target, ...vectorAt]) at.set(at.add(times(4)));
        });
      });
    });
  }

  /** Runs over `rows` rows of `channels` elements, and writes y [..., channels]. */
  run(matrices: readonly Argument[], vectors: readonly Argument[], y: Argument, rows: number, channels: number): void {
    if (channels === 0) return;
    const args = {
      y,
      channels,
      ...Object.fromEntries(matrices.map((x, k) => [`x${k}`, x])),
      ...Object.fromEntries(vectors.map((v, k) => [`v${k}`, v])),
    };
    this.#kernel.run(args, rows, { grain: chunksOf(rows, 3 + channels * 0.3) });
  }
}

/**
 * Calls `use` with temporary vectors [channels] by name: their values for JavaScript and their addresses for kernels.
 */
export function withVectors<N extends string>(
  channels: number,
  names: readonly N[],
  use: (vectors: Record<N, { readonly address: number; readonly values: Float32Array }>) => void,
): void {
  withTemporary(4 * channels * names.length, (memory) => {
    const vectors = names.map((name, index) => {
      const address = memory + 4 * channels * index;
      return [name, { address, values: floatsAt(address, channels) }];
    });
    use(Object.fromEntries(vectors));
  });
}

/** Rows per partial sum. It keeps sums of floats short, and their order independent of how threads divide the work. */
const blockRows = 128;

/**
 * Sums formulas over the rows of matrices, for each channel.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { ColumnSums } from '@mobinet/tensor/kernels';
 *
 * const squares = new ColumnSums('example_squares', 1, 0, 1, ([x]) => [x.mul(x)]);
 * const [sums] = squares.run([tensor([[1, 10], [2, 20]])], [], 2, 2);
 * console.log(`${sums}`);
 * // → 5,500
 * ```
 */
export class ColumnSums {
  readonly #kernel: Kernel<ParameterTypes>;

  /**
   * @param name Part of the kernel's name.
   * @param matrices Number of matrix operands [rows, channels].
   * @param vectors Number of vector operands [channels].
   * @param kinds Number of sums that `formula` returns.
   * @param formula The terms of the sums, from four elements of each matrix and of each vector.
   */
  constructor(
    name: string,
    readonly matrices: number,
    readonly vectors: number,
    readonly kinds: number,
    formula: Formula<readonly F32x4[]>,
  ) {
    const [matrixNames, vectorNames] = [named('x', matrices), named('v', vectors)];
    const types = { sums: i32, rows: i32, channels: i32, ...addressesOf(matrixNames), ...addressesOf(vectorNames) };
    this.#kernel = new Kernel<ParameterTypes>(`f32_${name}_sums`, types, (all, from, to) => {
      const p = all as KernelParameters<Record<string, typeof i32>>;
      const rowBytes = i32.variable(p.channels.mul(4), 'rowBytes');
      const sumBytes = i32.variable(p.channels.add(3).and(-4).mul(4), 'sumBytes');
      forRange(from, to, 1, (block) => {
        const first = i32.variable(block.mul(blockRows), 'first');
        const end = i32.variable(first.add(blockRows).minU(p.rows), 'end');
        forRange(0, rowBytes, 16, (channel) => {
          const offset = i32.variable(first.mul(rowBytes).add(channel), 'offset');
          const vectorValues = vectorNames.map((name) => f32x4.variable(f32x4.load(p[name].add(channel)), name));
          const sums: Variable<F32x4>[] = named('sum', this.kinds).map((name) => f32x4.variable(0, name));
          forRange(first, end, 1, () => {
            const values = matrixNames.map((name) => f32x4.variable(f32x4.load(p[name].add(offset)), name));
            formula(values, vectorValues).forEach((term, kind) => {
              sums[kind].set(sums[kind].add(term));
            });
            offset.set(offset.add(rowBytes));
          });
          const target = i32.variable(p.sums.add(block.mul(this.kinds).mul(sumBytes)).add(channel), 'target');
          for (const sum of sums) {
            store(target, sum);
            target.set(target.add(sumBytes));
          }
        });
      });
    });
  }

  /** The sums [kinds][channels]. Partial sums of 128 rows are f32, their totals f64. */
  run(matrices: readonly Argument[], vectors: readonly Argument[], rows: number, channels: number): Float64Array[] {
    const blocks = Math.ceil(rows / blockRows);
    const padded = (channels + 3) & -4;
    return withTemporary(4 * padded * this.kinds * blocks, (sums) => {
      const args = {
        sums,
        rows,
        channels,
        ...Object.fromEntries(matrices.map((x, k) => [`x${k}`, x])),
        ...Object.fromEntries(vectors.map((v, k) => [`v${k}`, v])),
      };
      const nanoseconds = blockRows * channels * 0.1 * (matrices.length + this.kinds);
      this.#kernel.run(args, blocks, { grain: chunksOf(blocks, nanoseconds) });
      const total = sumBlocks('f32', sums, blocks, padded * this.kinds);
      return Array.from({ length: this.kinds }, (_, kind) => total.subarray(kind * padded, kind * padded + channels));
    });
  }
}

/**
 * Sums `blocks` rows of numbers in memory, column by column, in double precision.
 *
 * @param type The type of the numbers.
 * @param address The address of the numbers [blocks, columns].
 * @param blocks The number of rows.
 * @param columns A multiple of 4.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { addressOf, sumBlocks } from '@mobinet/tensor/kernels';
 *
 * const x = tensor([[1, 2, 3, 4], [10, 20, 30, 40]]);
 * console.log(`${sumBlocks('f32', addressOf(x), 2, 4)}`);
 * // → 11,22,33,44
 * ```
 */
export function sumBlocks(type: 'f32' | 'i32', address: number, blocks: number, columns: number): Float64Array {
  return withTemporary(8 * columns, (total) => {
    const grain = chunksOf(columns / 4, blocks);
    sumBlocksKernel(type).run({ source: address, total, blocks, columns }, columns / 4, { grain });
    return doublesAt(total, columns).slice();
  });
}

const sumBlocksKernel = memoize(
  (type: 'f32' | 'i32') =>
    new Kernel(
      `${type}_sum_blocks`,
      { source: i32, total: i32, blocks: i32, columns: i32 },
      ({ source, total, blocks, columns }, from, to) => {
        const [low, high] = [f64x2.variable(0, 'low'), f64x2.variable(0, 'high')];
        const rowBytes = i32.variable(columns.mul(4), 'rowBytes');
        forRange(from, to, 1, (four) => {
          const at = i32.variable(source.add(four.mul(16)), 'at');
          low.set(f64x2.const(0));
          high.set(f64x2.const(0));
          forRange(0, blocks, 1, () => {
            if (type === 'f32') {
              const value = f32x4.variable(f32x4.load(at));
              low.set(low.add(value.toF64x2Low()));
              high.set(high.add(value.shuffle(value, 2, 3, 2, 3).toF64x2Low()));
            } else {
              low.set(low.add(i32x4.load(at).toF64x2LowS()));
              high.set(high.add(i32x4.load(at, 8).toF64x2LowS()));
            }
            at.set(at.add(rowBytes));
          });
          const target = total.add(four.mul(32));
          store(target, low);
          store(target, high, 16);
        });
      },
    ),
);
