import { memoize } from '../backends/memoize.js';
import { type ElementType, elementAt } from '../backends/webgpu/elements.js';
import { Shader } from '../backends/webgpu/shader.js';
import type { Handle } from '../handle.js';
import { dispose } from '../scope.js';
import { emptyTensor } from '../tensor.js';

type Names = Readonly<Record<string, ElementType>>;
type Numbers = Readonly<Record<string, 'f32' | 'i32' | 'u32'>>;
type Handles<N> = { readonly [K in keyof N]: Handle };
type None = Record<never, never>;

/** What a `ColumnSumsShader` reads and sums. Code snippets are WGSL. */
export interface ColumnSumsDefinition<M extends Names, V extends Names, B extends Names, E extends Names> {
  /** Tensors [rows, channels]. In the code, a name stands for the current element. */
  readonly matrices: M;
  /** Tensors of which the first `channels` elements are read. A name stands for the element of the current channel. */
  readonly vectors?: V;
  /** Tensors of any shape. A name stands for the whole array. */
  readonly buffers?: B;
  /** Arrays that `each` writes to, for example [rows, channels] at index `at`. */
  readonly writes?: E;
  /** Statements for each channel, before its rows. They can use the vectors, the buffers and `channel`. */
  readonly perChannel?: string;
  /** Statements for each element, before it is summed. They can also use the matrices, `row` and the index `at`. */
  readonly each?: string;
  /**
   * Expressions that are summed over the rows, in f32. They can use the names that `each` can, and those it declares.
   */
  readonly sums: readonly string[];
  /** Channels per workgroup, a power of two, on which the order of summation depends. Default: all, at most 64. */
  readonly width?: number;
}

/** What a `ColumnSumsShader` does with the sums of a channel. */
export interface FinishDefinition<F extends Names, W extends Names> {
  /** Like the vectors of `ColumnSumsDefinition`, but for `each` below. They need not be the same ones. */
  readonly vectors?: F;
  /** Arrays that `each` writes to, for example [channels] at index `channel`. */
  readonly writes: W;
  /** WGSL statements for each channel, once its sums `sum0`, `sum1`, … are known. */
  readonly each: string;
}

/** Invocations per workgroup. */
const invocations = 256;

/** Maximum number of channels per workgroup. */
const maxWidth = 64;

/** The rows are divided into at most this many blocks, and an invocation sums at least this many rows. */
const maxBlocks = 512;
const minRows = 16;

/**
 * For each channel, sums one or more expressions over the rows of matrices [rows, channels] and processes the sums.
 *
 * There are two stages. Many workgroups sum blocks of rows; then a few add up the partial sums and run the finishing
 * code. Neighboring invocations read neighboring channels, so that memory accesses coalesce.
 *
 * All code can use the parameters as `p.name`, and also `p.rows` and `p.channels`.
 *
 * @example
 * ```ts
 * import { ColumnSumsShader } from '@mobinet/tensor/kernels';
 *
 * const means = new ColumnSumsShader(
 *   'means',
 *   { matrices: { x: 'f32' }, sums: ['x'] },
 *   { writes: { mean: 'f32' }, each: 'mean[channel] = sum0 / f32(p.rows);' },
 * ); // means.run({ x }, { mean }, {}, rows, channels)
 * console.log(means instanceof ColumnSumsShader);
 * // → true
 * ```
 */
export class ColumnSumsShader<
  M extends Names,
  W extends Names,
  V extends Names = None,
  B extends Names = None,
  E extends Names = None,
  F extends Names = None,
  P extends Numbers = None,
> {
  readonly #name: string;
  readonly #kinds: number;
  readonly #width: number | undefined;
  readonly #names: { readonly values: string[]; readonly buffers: string[]; readonly finish: string[] };
  readonly #writes: { readonly each: string[]; readonly finish: string[] };
  readonly #blocks: (width: number) => Shader<Names, Names, Numbers>;
  readonly #finish: Shader<Names, Names, Numbers>;

  constructor(
    name: string,
    definition: ColumnSumsDefinition<M, V, B, E>,
    finish: FinishDefinition<F, W>,
    parameters: P = {} as P,
  ) {
    const { matrices, vectors, buffers, writes, sums } = definition;
    this.#name = name;
    this.#kinds = sums.length;
    this.#width = definition.width;
    this.#names = {
      values: Object.keys({ ...matrices, ...vectors }),
      buffers: Object.keys(buffers ?? {}),
      finish: Object.keys(finish.vectors ?? {}),
    };
    this.#writes = { each: Object.keys(writes ?? {}), finish: Object.keys(finish.writes) };
    this.#blocks = memoize((width: number) => blocksShader(name, width, definition, parameters));
    this.#finish = finishShader(name, sums.length, finish, parameters);
  }

  /**
   * Sums over `rows` rows of `channels` channels, and runs the finishing code.
   *
   * @param reads The tensors that the sums and the finishing code read, by name.
   * @param writes The tensors that they write.
   * @param parameters The numbers that the code takes, by name.
   * @param rows The number of rows that are summed.
   * @param channels The number of columns.
   */
  run(
    reads: Handles<M> & Handles<V> & Handles<B> & Handles<F>,
    writes: Handles<E> & Handles<W>,
    parameters: { readonly [K in keyof P]: number },
    rows: number,
    channels: number,
  ): void {
    if (channels === 0) return;
    const width = this.#width ?? Math.min(maxWidth, 2 ** Math.ceil(Math.log2(channels)));
    const height = invocations / width;
    const blockRows = height * Math.max(minRows, Math.ceil(rows / (height * maxBlocks)));
    const blocks = Math.ceil(rows / blockRows);
    const partial = emptyTensor('f32', [blocks, this.#kinds, channels], this.#name, 'webgpu');
    const [from, to] = [reads, writes] as unknown as [Record<string, Handle>, Record<string, Handle>];
    const numbers = { ...parameters, rows, channels };
    this.#blocks(width).run(
      { ...pick(from, this.#names.values, 'of_'), ...pick(from, this.#names.buffers) },
      { ...pick(to, this.#writes.each), partial },
      { ...numbers, blockRows },
      [Math.ceil(channels / width), blocks],
    );
    this.#finish.run(
      { ...pick(from, this.#names.finish, 'of_'), partial },
      pick(to, this.#writes.finish),
      { ...numbers, blocks },
      [Math.ceil(channels / finishWidth)],
    );
    dispose(partial);
  }
}

/** First stage: the sums of each block of rows, [blocks, kinds, channels]. */
function blocksShader(
  name: string,
  width: number,
  definition: ColumnSumsDefinition<Names, Names, Names, Names>,
  parameters: Numbers,
): Shader<Names, Names, Numbers> {
  const { matrices, vectors = {}, buffers, writes, perChannel = '', each = '', sums } = definition;
  const height = invocations / width;
  return new Shader(`${name}_sums_${width}`, {
    reads: { ...prefixed({ ...matrices, ...vectors }), ...buffers },
    writes: { ...writes, partial: 'f32' },
    parameters: { ...parameters, rows: 'u32', channels: 'u32', blockRows: 'u32' },
    workgroup: [width, height],
    declarations: sumOfColumns(width),
    main: `
  let channel = group.x * ${width}u + local.x;
  let firstRow = group.y * p.blockRows;
  let endRow = min(firstRow + p.blockRows, p.rows);
  ${sums.map((_, k) => `var sum${k} = 0.0;`).join(' ')}
  if (channel < p.channels) {
    ${valuesAt('channel', vectors)}
    ${perChannel}
    for (var row = firstRow + local.y; row < endRow; row += ${height}u) {
      let at = row * p.channels + channel;
      ${valuesAt('at', matrices)}
      ${each}
      ${sums.map((sum, k) => `sum${k} += ${sum};`).join('\n      ')}
    }
  }
  ${sums.map((_, k) => `let total${k} = sumOfColumn(sum${k}, lane);`).join('\n  ')}
  if (local.y == 0u && channel < p.channels) {
    let place = group.y * ${sums.length}u * p.channels + channel;
    ${sums.map((_, k) => `partial[place + ${k}u * p.channels] = total${k};`).join('\n    ')}
  }`,
  });
}

const finishWidth = 16;

/** Second stage: adds up the sums of all blocks, and runs the finishing code. */
function finishShader(
  name: string,
  kinds: number,
  { vectors = {}, writes, each }: FinishDefinition<Names, Names>,
  parameters: Numbers,
): Shader<Names, Names, Numbers> {
  const height = invocations / finishWidth;
  const all = Array.from({ length: kinds }, (_, k) => k);
  return new Shader(`${name}_total`, {
    reads: { ...prefixed(vectors), partial: 'f32' },
    writes,
    parameters: { ...parameters, rows: 'u32', channels: 'u32', blocks: 'u32' },
    workgroup: [finishWidth, height],
    declarations: sumOfColumns(finishWidth),
    main: `
  let channel = group.x * ${finishWidth}u + local.x;
  ${all.map((k) => `var part${k} = 0.0;`).join(' ')}
  if (channel < p.channels) {
    for (var block = local.y; block < p.blocks; block += ${height}u) {
      let start = block * ${kinds}u * p.channels + channel;
      ${all.map((k) => `part${k} += partial[start + ${k}u * p.channels];`).join('\n      ')}
    }
  }
  ${all.map((k) => `let sum${k} = sumOfColumn(part${k}, lane);`).join('\n  ')}
  if (local.y == 0u && channel < p.channels) {
    ${valuesAt('channel', vectors)}
    ${each}
  }`,
  });
}

/** WGSL of `sumOfColumn`, which sums a value over the workgroup's y axis. All invocations have to call it. */
function sumOfColumns(width: number): string {
  return `
var<workgroup> columnParts: array<f32, ${invocations}>;
fn sumOfColumn(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  columnParts[lane] = value;
  for (var step = ${invocations / 2}u; step >= ${width}u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) { columnParts[lane] += columnParts[lane + step]; }
  }
  workgroupBarrier();
  return columnParts[lane % ${width}u];
}`;
}

const valuesAt = (index: string, names: Names): string =>
  Object.entries(names)
    .map(([name, type]) => `let ${name} = ${elementAt(`of_${name}`, type, index)};`)
    .join(' ');

const prefixed = (names: Names): Names =>
  Object.fromEntries(Object.entries(names).map(([name, type]) => [`of_${name}`, type]));

function pick(handles: Record<string, Handle>, names: readonly string[], prefix = ''): Record<string, Handle> {
  return Object.fromEntries(names.map((name) => [prefix + name, handles[name]]));
}
