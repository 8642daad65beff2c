/// <reference types="@webgpu/types" />
import { BackendError } from '../../errors.js';
import type { Handle } from '../../handle.js';
import type { PooledBuffer } from './buffer-pool.js';
import { bitsInWord, type ElementType, elementFunction, elementsPerWord, isNarrow, storageType } from './elements.js';
import { type Gpu, gpu } from './gpu.js';
import { GpuBlock } from './gpu-block.js';
import { Pipeline } from './pipeline.js';

type Buffers = Readonly<Record<string, ElementType>>;
type Parameters = Readonly<Record<string, 'f32' | 'i32' | 'u32'>>;

/** The buffers, parameters and code of a `Shader`. */
export interface ShaderDefinition<R extends Buffers, W extends Buffers, P extends Parameters> {
  /** The buffers that are only read. `elementAt` reads an element of any type. */
  readonly reads: R;
  /** The buffers that are written, and may also be read. */
  readonly writes: W;
  /** Numbers, available as `p.name` in the code. */
  readonly parameters: P;
  /** The number of invocations in a workgroup, along x and y. */
  readonly workgroup: readonly [x: number, y: number];
  /** Functions and workgroup memory. */
  readonly declarations?: string;
  /**
   * The body of `main`. It may use WGSL's built-in values: `id` (global invocation), `local` (local invocation),
   * `group` (workgroup) and `groups` (number of workgroups), all vec3u, and `lane` (local invocation index), a u32.
   */
  readonly main: string;
}

/** Where the parameters of a run are encoded: at most 64. */
const encodedWords = new Uint32Array(64);
const encodedFloats = new Float32Array(encodedWords.buffer);

/**
 * A GPU kernel in WGSL. It is compiled when it first runs, once per GPU.
 *
 * @example
 * ```ts
 * import { linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';
 *
 * const shader = new Shader('f32_half', {
 *   reads: { x: 'f32' },
 *   writes: { y: 'f32' },
 *   parameters: { count: 'u32' },
 *   workgroup: linearWorkgroup,
 *   main: `${linear('p.count')} y[i] = 0.5 * x[i];`,
 * });
 * console.log(
 *   shader
 *     .code()
 *     .split('\n')
 *     .find((line) => line.includes('y:')),
 * );
 * // → @group(0) @binding(2) var<storage, read_write> y: array<f32>;
 * ```
 */
export class Shader<R extends Buffers, W extends Buffers, P extends Parameters> {
  readonly #definition: ShaderDefinition<R, W, P>;
  readonly #parameters: readonly (readonly [name: string, type: 'f32' | 'i32' | 'u32'])[];
  #pipeline: Pipeline | null = null;
  #gpu: Gpu | null = null;

  /**
   * @param name By the same convention as the names of `Kernel`.
   * @param definition Its buffers, its numbers and its code.
   * @throws RangeError if there are too many parameters.
   */
  constructor(
    readonly name: string,
    definition: ShaderDefinition<R, W, P>,
  ) {
    this.#definition = definition;
    this.#parameters = Object.entries(definition.parameters);
    if (this.#parameters.length > encodedWords.length) throw new RangeError(`kernel ${name} has too many parameters`);
  }

  /**
   * Enqueues a run, and returns without waiting for it.
   *
   * @param reads The tensors that it reads, by the names of the buffers.
   * @param writes The tensors that it writes, by the names of the buffers.
   * @param parameters Its numbers, by name.
   * @param workgroups The number of workgroups along each axis.
   * @throws BackendError if there are more workgroups than the GPU allows, or a tensor is not on the GPU.
   */
  run(
    reads: { readonly [K in keyof R]: Handle },
    writes: { readonly [K in keyof W]: Handle },
    parameters: { readonly [K in keyof P]: number },
    workgroups: readonly [x: number, y?: number, z?: number],
  ): void {
    const [x, y = 1, z = 1] = workgroups;
    if (x * y * z === 0) return;
    const owner = gpu();
    const max = owner.maxWorkgroups;
    if (Math.max(x, y, z) > max) {
      throw new BackendError(`kernel ${this.name}: ${x} × ${y} × ${z} workgroups are more than ${max} along an axis`);
    }
    if (this.#gpu !== owner) {
      this.#pipeline = new Pipeline(owner.device, {
        name: this.name,
        code: this.code(),
        reads: Object.keys(this.#definition.reads).length,
        writes: Object.keys(this.#definition.writes).length,
        parameterBytes: 16 * Math.ceil(Math.max(1, this.#parameters.length) / 4),
      });
      this.#gpu = owner;
    }
    const bufferOf = (handle: Handle): PooledBuffer => blockOn(owner, handle).pooled;
    const written = Object.keys(this.#definition.writes).map((name) => bufferOf(writes[name]));
    const temporary: GpuBlock[] = [];
    const read = Object.keys(this.#definition.reads).map((name) => {
      const handle = reads[name];
      const buffer = bufferOf(handle);
      if (!written.includes(buffer)) return buffer;
      // WebGPU does not allow a kernel to bind one buffer both as read-only and as writable.
      const copy = new GpuBlock(handle.block.byteLength, this.name);
      owner.copy(buffer.buffer, copy.buffer, handle.block.byteLength);
      temporary.push(copy);
      return copy.pooled;
    });
    owner.dispatch({
      pipeline: this.#pipeline!,
      buffers: [...read, ...written],
      parameters: this.#encode(parameters),
      workgroups: [x, y, z],
      bytes: owner.isTiming ? bytesOfTensors([...Object.values<Handle>(reads), ...Object.values<Handle>(writes)]) : 0,
    });
    for (const block of temporary) block.release();
  }

  #encode(parameters: { readonly [K in keyof P]: number }): Uint32Array {
    for (let at = 0; at < this.#parameters.length; at++) {
      const [name, type] = this.#parameters[at];
      if (type === 'f32') encodedFloats[at] = parameters[name];
      else encodedWords[at] = parameters[name];
    }
    return encodedWords.slice(0, this.#parameters.length);
  }

  /** The complete WGSL module. */
  code(): string {
    const { reads, writes, workgroup, declarations = '', main } = this.#definition;
    const fields = this.#parameters.map(([name, type]) => `  ${name}: ${type},`);
    const buffers = [
      ...Object.entries(reads).map(([name, type]) => `var<storage, read> ${name}: array<${storageType(type)}>;`),
      ...Object.entries(writes).map(([name, type]) => `var<storage, read_write> ${name}: array<${storageType(type)}>;`),
    ];
    const elements = Object.entries({ ...reads, ...writes }).flatMap(([name, type]) =>
      isNarrow(type) ? elementFunction(name, type) : [],
    );
    return [
      'struct Parameters {',
      ...(fields.length > 0 ? fields : ['  none: u32,']),
      '}',
      '@group(0) @binding(0) var<uniform> p: Parameters;',
      ...buffers.map((buffer, k) => `@group(0) @binding(${k + 1}) ${buffer}`),
      ...elements,
      declarations.trim(),
      `@compute @workgroup_size(${workgroup.join(', ')}, 1)`,
      'fn main(',
      '  @builtin(global_invocation_id) id: vec3u,',
      '  @builtin(local_invocation_id) local: vec3u,',
      '  @builtin(local_invocation_index) lane: u32,',
      '  @builtin(workgroup_id) group: vec3u,',
      '  @builtin(num_workgroups) groups: vec3u,',
      ') {',
      main.trim(),
      '}',
    ].join('\n');
  }
}

/** The size of tensors. Those on one memory count once. */
function bytesOfTensors(handles: readonly Handle[]): number {
  const sizes = new Map(handles.map(({ block, byteLength }) => [block, byteLength]));
  return Array.from(sizes.values()).reduce((sum, bytes) => sum + bytes, 0);
}

function blockOn(owner: Gpu, { block, label }: Handle): GpuBlock {
  if (block instanceof GpuBlock && block.gpu === owner) return block;
  const problem = block instanceof GpuBlock ? 'was on a GPU that has failed' : 'is not on the GPU';
  throw new BackendError(`${label ?? 'a tensor'} ${problem}`);
}

/**
 * The most buffers that a kernel can bind on the open GPU: at least 8.
 *
 * @throws BackendError if no GPU is open.
 */
export function maxBuffers(): number {
  return gpu().maxBuffers;
}

/** The number of invocations in a workgroup of a `linear` kernel. */
const linearGroupSize = 64;

/**
 * Returns the number of workgroups along x and y for a `linear` kernel over `count` elements. Two axes are needed
 * because WebGPU guarantees no more than 65,535 workgroups along each.
 *
 * @param count The number of elements.
 * @param perGroup The number of elements per workgroup. Default: one per invocation of `linearWorkgroup`.
 *
 * @example
 * ```ts
 * import { groupsOf } from '@mobinet/tensor/kernels';
 *
 * console.log(`${groupsOf(1000)}; ${groupsOf(1000, 10)}`);
 * // → 16,1; 100,1
 * ```
 */
export function groupsOf(count: number, perGroup: number = linearGroupSize): [number, number] {
  const all = Math.ceil(count / perGroup);
  const columns = Math.min(all, 32768);
  return [columns, columns === 0 ? 0 : Math.ceil(all / columns)];
}

/**
 * Returns the first lines of a kernel over a flat range: `i` is the element's index, and surplus invocations return.
 *
 * @param count A WGSL expression for the number of elements.
 *
 * @example
 * ```ts
 * import { linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';
 *
 * const double = new Shader('f32_double', {
 *   reads: { x: 'f32' },
 *   writes: { y: 'f32' },
 *   parameters: { count: 'u32' },
 *   workgroup: linearWorkgroup,
 *   main: `${linear('p.count')}
 *   y[i] = 2.0 * x[i];`,
 * }); // double.run({ x }, { y }, { count: x.size }, groupsOf(x.size))
 * console.log(double.code().includes('if (i >= p.count) { return; }'));
 * // → true
 * ```
 */
export const linear = (count: string): string => `
  let i = (group.y * groups.x + group.x) * ${linearGroupSize}u + lane;
  if (i >= ${count}) { return; }`;

/**
 * The workgroup size of a `linear` kernel.
 *
 * @example
 * ```ts
 * import { linearWorkgroup } from '@mobinet/tensor/kernels';
 *
 * console.log(`${linearWorkgroup}`);
 * // → 64,1
 * ```
 */
export const linearWorkgroup = [linearGroupSize, 1] as const;

/**
 * Returns the body of a `linear` kernel over the words of a buffer of `p.count` elements. The kernel declares
 * `fn elementOf(i: u32)`, which computes an element, and runs in `groupsOf(wordsOfElements(type, count))` workgroups.
 */
export function storeElements(buffer: string, type: ElementType): string {
  if (!isNarrow(type)) {
    return `${linear('p.count')}
  ${buffer}[i] = elementOf(i);`;
  }
  const perWord = elementsPerWord(type);
  return `${linear(`(p.count + ${perWord - 1}u) / ${perWord}u`)}
  var word = 0u;
  for (var at = ${perWord}u * i; at < min(${perWord}u * (i + 1u), p.count); at++) {
    word |= ${bitsInWord(type, 'elementOf(at)', 'at')};
  }
  ${buffer}[i] = word;`;
}
