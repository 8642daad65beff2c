import type { Handle } from '../../handle.js';
import type { UnsharedBytes } from '../../unshared-bytes.js';
import {
  assemble,
  atomicAdd,
  breakable,
  type F32,
  forever,
  type I32,
  i32,
  type Type,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import { dispatch, jobMemory, loadKernel } from './dispatch.js';
import { chunkWord, countWord, endWord, grainWord, parametersWord } from './job.js';
import { memoryType } from './memory.js';
import type { LoadedKernel } from './threads.js';

/** The types of a kernel's parameters: i32 for addresses and integers, f32 for other numbers. */
export type ParameterTypes = Readonly<Record<string, Type<I32> | Type<F32>>>;

type ValueOf<T> = T extends Type<infer V> ? Variable<V> : never;
/** A kernel's parameters as variables in its body. */
export type KernelParameters<P extends ParameterTypes> = { readonly [K in keyof P]: ValueOf<P[K]> };

/**
 * Emits the code of a kernel, which processes the items [from, to) of its range. `scratch` is the address of memory
 * that no other thread uses. The range is divided into chunks among threads, so results must not depend on the
 * division.
 */
export type KernelBody<P extends ParameterTypes> = (
  parameters: KernelParameters<P>,
  from: I32,
  to: I32,
  scratch: I32,
) => void;

/** An argument for a kernel: a number, or anything with an address, such as a tensor. */
export type Argument = number | Handle | { readonly address: number };

/** Options of `Kernel.run`. */
export interface RunOptions {
  /** The number of items in a chunk. Default: all, so that one thread does all the work. */
  readonly grain?: number;
  /** The size of each thread's scratch memory in bytes. Default: 0. */
  readonly scratch?: number;
}

/**
 * A WebAssembly function over a range of items, divided among threads. It is assembled when it first runs.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { f32, forRange, i32, Kernel, store } from '@mobinet/tensor/kernels';
 *
 * const scale = new Kernel('f32_scale', { x: i32, factor: f32 }, ({ x, factor }, from, to) => {
 *   forRange(from, to, 1, (i) => {
 *     const at = x.add(i.mul(4));
 *     store(at, f32.load(at).mul(factor));
 *   });
 * });
 * const x = tensor([1, 2, 3, 4]);
 * scale.run({ x, factor: 2 }, 4, { grain: 2 }); // two chunks, on one thread or two
 * console.log(`${x.values}`);
 * // → 2,4,6,8
 * ```
 */
export class Kernel<P extends ParameterTypes> {
  readonly #slots: readonly { readonly name: string; readonly isFloat: boolean }[];
  #loaded: LoadedKernel | null = null;

  /**
   * @param name Of the form `data_job_tile__instructions`, such as `bits_gemm_1x8__popcnt64`. Parts may be left out.
   * @param parameters The types of its arguments, by name.
   * @param body Emits the kernel's code.
   * @throws RangeError if there are too many parameters.
   */
  constructor(
    readonly name: string,
    readonly parameters: P,
    readonly body: KernelBody<P>,
  ) {
    this.#slots = Object.entries(parameters).map(([name, type]) => ({ name, isFloat: type.name === 'f32' }));
    if (parametersWord + this.#slots.length > endWord) throw new RangeError(`kernel ${name} has too many parameters`);
  }

  /**
   * Runs the kernel over the items [0, count), and returns when all are done.
   *
   * @param args The values of the parameters, by name: numbers, or tensors, which are passed as addresses.
   * @param count The number of items.
   */
  run(
    args: { readonly [K in keyof P]: Argument },
    count: number,
    { grain = count, scratch = 0 }: RunOptions = {},
  ): void {
    if (count === 0) return;
    this.#loaded ??= loadKernel(this.name, this.assemble());
    const { words, floats } = jobMemory();
    let at = parametersWord;
    for (const { name, isFloat } of this.#slots) {
      const value = args[name];
      if (typeof value !== 'number') words[at++] = value.address;
      else if (isFloat) floats[at++] = value;
      else words[at++] = value;
    }
    dispatch(this.#loaded, count, grain, scratch);
  }

  /** Assembles the module: one function that takes chunks until none are left. */
  assemble(): UnsharedBytes {
    return assemble(this.name, ['scratch'], memoryType, (scratch) => {
      const job = i32.const(0);
      const parameters = Object.fromEntries(
        Object.entries(this.parameters).map(([name, type], index) => {
          const variable = (type as Type<I32>).variable(type.load(job, 4 * (parametersWord + index)) as I32, name);
          return [name, variable];
        }),
      ) as KernelParameters<P>;
      const count = i32.variable(i32.load(job, 4 * countWord), 'count');
      const grain = i32.variable(i32.load(job, 4 * grainWord), 'grain');
      breakable((exit) => {
        forever(() => {
          const from = i32.variable(atomicAdd(job, i32.const(1), 4 * chunkWord).mul(grain), 'from');
          when(from.geS(count), exit);
          const to = i32.variable(from.add(grain).minU(count), 'to');
          this.body(parameters, from, to, scratch);
        });
      });
    });
  }
}
