import { type DType, dispose, type Tensor } from '@mobinet/tensor';
import { type ElementType, emptyTensor, Shader } from '@mobinet/tensor/kernels';
import type { Counts } from './counts.js';
import { activationOf, type CountType, countOf } from './counts.wgsl.js';

type Buffers = Readonly<Record<string, ElementType>>;
type Numbers = Readonly<Record<string, 'f32' | 'u32'>>;
type Tensors<B extends Buffers> = { readonly [K in keyof B]: Tensor<DType> };

/** Arrays that a stage reads and writes, and its WGSL; `p.rows`, `p.channels`, `p.signs` and the parameters are known everywhere. */
interface RowsStage<R extends Buffers, W extends Buffers> {
  readonly reads: R;
  readonly writes: W;
  /** Once for each channel, before its rows. It knows `channel`, `scale` and `slope`. */
  readonly perChannel?: string;
  /** For each count: it knows `at`, the number of the element, `count`, `z`, the scaled count, and `activation` as well. */
  readonly perCount: string;
  /** What is summed over the rows. */
  readonly sums: readonly string[];
}

interface TotalsStage<R extends Buffers, W extends Buffers> {
  readonly reads: R;
  readonly writes: W;
  /** For each channel: it knows `channel` and its sums, `sum0`, `sum1`… */
  readonly perChannel: string;
}

/** Invocations along the channels, whose elements are neighbours, and along the rows. */
const [width, height] = [32, 8];

/** Rows that each invocation takes, at least, and blocks of rows, at most. */
const leastRows = 16;
const mostBlocks = 512;

/** The same for the totals, which have blocks in place of rows. */
const [totalsWidth, totalsHeight] = [16, 16];

/**
 * Sums over the rows of what is made of counts [rows, channels], channel by channel. In two stages: many workgroups sum blocks of
 * rows, then a few add up what these have, and say what becomes of it.
 */
export class CountSums<
  R extends Buffers,
  W extends Buffers,
  T extends Buffers,
  U extends Buffers,
  P extends Numbers = Record<never, never>,
> {
  readonly #name: string;
  readonly #rows: RowsStage<R, W>;
  readonly #totals: TotalsStage<T, U>;
  readonly #rowsShader: Shader<Buffers, Buffers, Numbers>;
  readonly #totalsShader: Shader<Buffers, Buffers, Numbers>;

  constructor(name: string, type: CountType, rows: RowsStage<R, W>, totals: TotalsStage<T, U>, parameters: P) {
    this.#name = `${name}_${type}`;
    this.#rows = rows;
    this.#totals = totals;
    const numbers: Numbers = { ...parameters, rows: 'u32', channels: 'u32', signs: 'u32' };
    this.#rowsShader = rowsShader(this.#name, type, rows, { ...numbers, blockRows: 'u32' });
    this.#totalsShader = totalsShader(this.#name, rows.sums.length, totals, { ...numbers, blocks: 'u32' });
  }

  run(
    { counts, scale, slope, signs }: { counts: Counts; scale: Tensor; slope: Tensor; signs: number },
    reads: Tensors<R> & Tensors<T>,
    writes: Tensors<W> & Tensors<U>,
    parameters: { readonly [K in keyof P]: number },
  ): void {
    const channels = scale.size;
    const rows = counts.size / channels;
    const blockRows = height * Math.max(leastRows, Math.ceil(rows / (height * mostBlocks)));
    const blocks = Math.ceil(rows / blockRows);
    const partial = emptyTensor('f32', [blocks, this.#rows.sums.length, channels], this.#name, 'webgpu');
    const numbers = { ...parameters, rows, channels, signs };
    this.#rowsShader.run(
      { counts, scales: scale, slopes: slope, ...pick(reads, this.#rows.reads) },
      { ...pick(writes, this.#rows.writes), partial },
      { ...numbers, blockRows },
      [Math.ceil(channels / width), blocks],
    );
    this.#totalsShader.run(
      { ...pick(reads, this.#totals.reads), partial },
      pick(writes, this.#totals.writes),
      { ...numbers, blocks },
      [Math.ceil(channels / totalsWidth)],
    );
    dispose(partial);
  }
}

const pick = (tensors: Readonly<Record<string, Tensor<DType>>>, names: Buffers): Record<string, Tensor<DType>> =>
  Object.fromEntries(Object.keys(names).map((name) => [name, tensors[name]]));

function rowsShader(
  name: string,
  type: CountType,
  { reads, writes, perChannel = '', perCount, sums }: RowsStage<Buffers, Buffers>,
  parameters: Numbers,
): Shader<Buffers, Buffers, Numbers> {
  return new Shader<Buffers, Buffers, Numbers>(`${name}_rows`, {
    reads: { counts: type, scales: 'f32', slopes: 'f32', ...reads },
    writes: { ...writes, partial: 'f32' },
    parameters,
    workgroup: [width, height],
    declarations: columnSums(sums.length, width, height),
    main: `
  let channel = group.x * ${width}u + local.x;
  let firstRow = group.y * p.blockRows;
  let endRow = min(firstRow + p.blockRows, p.rows);
  var sums = array<f32, ${sums.length}>();
  if (channel < p.channels) {
    let scale = scales[channel];
    let slope = slopes[channel];
    ${perChannel}
    for (var row = firstRow + local.y; row < endRow; row += ${height}u) {
      let at = row * p.channels + channel;
      let count = ${countOf(type, 'counts[at]')};
      let z = f32(count) * scale;
      let activation = ${activationOf('count')};
      ${perCount}
      ${sums.map((sum, k) => `sums[${k}] += ${sum};`).join(' ')}
    }
  }
  let totals = sumOfColumn(sums, lane);
  if (local.y == 0u && channel < p.channels) {
    let place = group.y * ${sums.length}u * p.channels + channel;
    ${sums.map((_, k) => `partial[place + ${k}u * p.channels] = totals[${k}];`).join(' ')}
  }`,
  });
}

function totalsShader(
  name: string,
  kinds: number,
  { reads, writes, perChannel }: TotalsStage<Buffers, Buffers>,
  parameters: Numbers,
): Shader<Buffers, Buffers, Numbers> {
  const all = Array.from({ length: kinds }, (_, kind) => kind);
  return new Shader<Buffers, Buffers, Numbers>(`${name}_totals`, {
    reads: { ...reads, partial: 'f32' },
    writes,
    parameters,
    workgroup: [totalsWidth, totalsHeight],
    declarations: columnSums(kinds, totalsWidth, totalsHeight),
    main: `
  let channel = group.x * ${totalsWidth}u + local.x;
  var sums = array<f32, ${kinds}>();
  if (channel < p.channels) {
    for (var block = local.y; block < p.blocks; block += ${totalsHeight}u) {
      let place = block * ${kinds}u * p.channels + channel;
      ${all.map((kind) => `sums[${kind}] += partial[place + ${kind}u * p.channels];`).join(' ')}
    }
  }
  let totals = sumOfColumn(sums, lane);
  if (local.y == 0u && channel < p.channels) {
    ${all.map((kind) => `let sum${kind} = totals[${kind}];`).join(' ')}
    ${perChannel}
  }`,
  });
}

/**
 * WGSL of a function that adds what the invocations of a workgroup with the same x have: known to those with y = 0. All invocations
 * have to call it, once.
 */
function columnSums(kinds: number, width: number, height: number): string {
  const all = Array.from({ length: kinds }, (_, kind) => kind);
  return `
var<workgroup> parts: array<array<f32, ${width * height}>, ${kinds}>;
fn sumOfColumn(sums: array<f32, ${kinds}>, lane: u32) -> array<f32, ${kinds}> {
  ${all.map((kind) => `parts[${kind}][lane] = sums[${kind}];`).join(' ')}
  for (var step = ${(width * height) / 2}u; step >= ${width}u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) {
      ${all.map((kind) => `parts[${kind}][lane] += parts[${kind}][lane + step];`).join('\n      ')}
    }
  }
  return array<f32, ${kinds}>(${all.map((kind) => `parts[${kind}][lane]`).join(', ')});
}`;
}
