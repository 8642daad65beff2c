import { AbsentBlock } from '../absent.js';
import type { Block } from '../block.js';
import { checkChoice, checkList, checkTensor } from '../check.js';
import { dtypes } from '../dtype.js';
import { tensorOn } from '../op.js';
import type { AnyTensor, Spec } from '../op-definition.js';
import { dispose, keep, tidy } from '../scope.js';
import { sameShape } from '../shape.js';
import { type AnyOp, type Tracer, withTracer } from '../tracer.js';
import { commonPath } from './layers.js';
import type { Call, Program, Value } from './program.js';

/** A function from tensors to one or more tensors. */
export type TensorFunction = (...inputs: AnyTensor[]) => AnyTensor | readonly AnyTensor[];

/**
 * Traces a function: calls `f` once, and records what it does with its inputs. The inputs have shapes but no elements,
 * and nothing that depends on them is computed. Everything else runs as usual, and tensors that are then combined with
 * the inputs become constants of the program: parameters, signs of weights, folded batch norms. So work on constants is
 * done only once.
 *
 * Constants share the memory of the tensors that they come from. Everything else that `f` depends on, such as a size, a
 * mode or the branch of an `if`, is fixed at its value during this call. All tensors are on the CPU.
 *
 * @param f Takes tensors, and returns one or a list of them.
 * @param inputs The dtypes and shapes of the inputs.
 * @param caller The function to name in errors.
 * @returns The program. The caller owns it: pass it to `fuse`, `prune` or `ReadyProgram`, or to `disposeProgram`.
 * @throws TraceError if `f` reads elements that depend on its inputs, or draws random numbers; RangeError for an
 *   unknown dtype.
 *
 * @example
 * ```ts
 * import { exp, type Tensor, tensor } from '@mobinet/tensor';
 * import { disposeProgram, trace } from '@mobinet/tensor/kernels';
 *
 * const bias = tensor([1, 2]);
 * const program = trace((x) => (x as Tensor).add(exp(bias)), [{ dtype: 'f32', shape: [2] }]);
 * console.log(`${program.calls.length} call: e^bias was computed during the trace`);
 * // → 1 call: e^bias was computed during the trace
 * disposeProgram(program);
 * ```
 */
export function trace(f: TensorFunction, inputs: readonly Spec[], caller = 'trace'): Program {
  checkList(caller, inputs, "[{ dtype: 'f32', shape: [2, 3] }]");
  for (const { dtype } of inputs) checkChoice(`${caller}: dtype`, dtype, [...dtypes, 'bits']);
  const tracer = new ProgramTracer();
  try {
    return tidy(() => {
      const absent = inputs.map((spec) => tracer.absent(spec));
      const result = withTracer(tracer, () => f(...absent));
      const results: readonly AnyTensor[] = Array.isArray(result) ? result : [result];
      for (const [at, x] of results.entries()) checkTensor(caller, x, `result ${at} of the function`);
      return tracer.program(absent, results);
    });
  } catch (error) {
    tracer.dispose();
    throw error;
  }
}

class ProgramTracer implements Tracer {
  readonly #values: Value[] = [];
  readonly #calls: Call[] = [];
  readonly #constants = new Map<number, AnyTensor>();
  /** The index of each value, by tensor id. A twin has the id of its tensor. */
  readonly #indices = new Map<number, number>();
  /** The index of the value that each absent block belongs to, to recognize views of it. */
  readonly #absent = new Map<Block, number>();
  /** The names of tensors that were computed from labeled tensors, by block. */
  readonly #names = new Map<Block, string>();

  /** Returns a tensor without elements, and adds a value for it. */
  absent(spec: Spec): AnyTensor {
    const block = new AbsentBlock();
    const x = tensorOn(block, spec);
    this.#absent.set(block, this.#add(x));
    return x;
  }

  call(op: AnyOp, inputs: readonly AnyTensor[], specs: readonly Spec[], attributes: unknown): AnyTensor[] {
    if (!inputs.some(({ block }) => this.#absent.has(block))) return this.#calledOnAbsentConstants(op, inputs, specs);
    const inputIndices = inputs.map((input) => this.#indexOf(input));
    const outputs = specs.map((spec) => this.absent(spec));
    const outputIndices = outputs.map(({ id }) => this.#indices.get(id)!);
    this.#calls.push({ kind: 'op', op, attributes, inputs: inputIndices, outputs: outputIndices });
    return outputs;
  }

  /** Inside `withoutMemory`, constants have no elements either. Results that depend only on them are constants, too. */
  #calledOnAbsentConstants(op: AnyOp, inputs: readonly AnyTensor[], specs: readonly Spec[]): AnyTensor[] {
    const outputs = specs.map((spec) => tensorOn(new AbsentBlock(), spec));
    this.computed(op, inputs, outputs);
    return outputs;
  }

  computed({ name }: AnyOp, inputs: readonly AnyTensor[], outputs: readonly AnyTensor[]): void {
    const path = commonPath(inputs.flatMap((input) => this.#nameOf(input) ?? []));
    if (path) for (const { block } of outputs) this.#names.set(block, `${path}.${name}`);
  }

  program(inputs: readonly AnyTensor[], results: readonly AnyTensor[]): Program {
    const indicesOf = (tensors: readonly AnyTensor[]) => tensors.map((x) => this.#indexOf(x));
    return {
      values: this.#values,
      inputs: indicesOf(inputs),
      constants: this.#constants,
      outputs: indicesOf(results),
      calls: this.#calls,
    };
  }

  dispose(): void {
    dispose(this.#constants);
  }

  #add(x: AnyTensor): number {
    const { id, dtype, shape } = x;
    const index = this.#values.push({ dtype, shape, name: this.#nameOf(x) }) - 1;
    this.#indices.set(id, index);
    return index;
  }

  #nameOf({ block, label }: AnyTensor): string | undefined {
    return label ?? this.#names.get(block);
  }

  /** The index of a tensor's value. An unknown tensor is a view of a known one, if they share memory, or a constant. */
  #indexOf(x: AnyTensor): number {
    const known = this.#indices.get(x.id);
    if (known !== undefined) return known;
    const whole = this.#absent.get(x.block);
    if (whole === undefined) {
      const index = this.#add(x);
      this.#constants.set(index, keep(x.twin() as AnyTensor));
      return index;
    }
    if (sameShape(x.shape, this.#values[whole].shape)) return whole;
    const index = this.#add(x);
    this.#calls.push({ kind: 'view', inputs: [whole], outputs: [index] });
    return index;
  }
}
