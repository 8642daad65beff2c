import type { AnyTensor, OpDefinition } from '../op-definition.js';
import type { AnyOp } from '../tracer.js';
import type { Call, Program, Value } from './program.js';

/** A call of an op. */
export type OpCall = Extract<Call, { kind: 'op' }>;

/**
 * A rewrite rule: inspects one call, and changes the draft if there is a faster way to the same results. A rule is
 * defined next to the op that it introduces.
 */
export type Rule = (draft: Draft, call: OpCall) => void;

/**
 * Applies each rule in turn to all calls in order. Calls that are no longer needed are left for `prune` to remove.
 *
 * @example
 * ```ts
 * import { relu, type Tensor } from '@mobinet/tensor';
 * import { formatProgram, fuse, prune, type Rule, trace } from '@mobinet/tensor/kernels';
 *
 * const idempotent: Rule = (draft, call) => {
 *   const inner = draft.maker(call.inputs[0]);
 *   if (call.op.name === 'relu' && inner?.op.name === 'relu') draft.redirect(call.outputs[0], inner.outputs[0]);
 * };
 * const program = trace((x) => relu(relu(x as Tensor)), [{ dtype: 'f32', shape: [2] }]);
 * console.log(formatProgram(prune(fuse(program, [idempotent]))));
 * // → inputs %0 f32 [2]
 * // → %1 f32 [2] = relu(%0)
 * // → outputs %1
 * ```
 */
export function fuse(program: Program, rules: readonly Rule[]): Program {
  const draft = new Draft(program);
  for (const rule of rules) {
    // Look each call up by its output, because a rule may have replaced it.
    for (const { outputs } of draft.calls) {
      const call = draft.maker(outputs[0]);
      if (call) rule(draft, call);
    }
  }
  return draft.program();
}

/**
 * Whether `call` calls `op`. Narrows the type of its attributes.
 *
 * @example
 * ```ts
 * import { packBits, type Tensor } from '@mobinet/tensor';
 * import { isCallOf, packBitsOp, trace } from '@mobinet/tensor/kernels';
 *
 * const program = trace((x) => packBits(x as Tensor), [{ dtype: 'f32', shape: [8] }]);
 * const [call] = program.calls;
 * console.log(call.kind === 'op' && isCallOf(call, packBitsOp));
 * // → true
 * ```
 */
export function isCallOf<
  I extends readonly AnyTensor[],
  O extends readonly AnyTensor[],
  A,
  S extends readonly AnyTensor[],
>(call: OpCall | undefined, op: OpDefinition<I, O, A, S>): call is OpCall & { readonly attributes: A } {
  return call?.op === (op as unknown as AnyOp);
}

/** A program that rules can modify. */
export class Draft {
  readonly #values: Value[];
  readonly #constants: Map<number, AnyTensor>;
  readonly #inputs: readonly number[];
  readonly #calls: (Call | null)[];
  #outputs: readonly number[];
  /** For each value, the index of the call that computes it. */
  readonly #makers = new Map<number, number>();
  /** For each value, how often it is read. */
  readonly #reads = new Map<number, number>();

  /** @param program What is changed; it is not used any more. */
  constructor({ values, constants, inputs, calls, outputs }: Program) {
    this.#values = [...values];
    this.#constants = new Map(constants);
    this.#inputs = inputs;
    this.#calls = [...calls];
    this.#outputs = outputs;
    for (const [at, call] of calls.entries()) this.#note(call, at);
    this.#count(outputs, 1);
  }

  /** The calls, in order. */
  get calls(): readonly Call[] {
    return this.#calls.filter((call) => call !== null);
  }

  /** The description of a value. */
  value(at: number): Value {
    return this.#values[at];
  }

  /** The tensor of a value, if it is a constant. */
  constant(at: number): AnyTensor | undefined {
    return this.#constants.get(at);
  }

  /** The op call that computes a value; undefined for inputs, constants and views. */
  maker(value: number): OpCall | undefined {
    const call = this.#calls[this.#makers.get(value) ?? -1];
    return call?.kind === 'op' ? call : undefined;
  }

  /** How often a value is read, by calls and as a result of the program. */
  reads(value: number): number {
    return this.#reads.get(value) ?? 0;
  }

  /** Adds a value that a new call will compute. Returns its index. */
  add(value: Value): number {
    return this.#values.push(value) - 1;
  }

  /** Adds a constant, and takes ownership of the tensor. Returns the index of the value. */
  addConstant(x: AnyTensor, name?: string): number {
    const index = this.add({ dtype: x.dtype, shape: x.shape, name });
    this.#constants.set(index, x);
    return index;
  }

  /** Replaces a call by another one, or removes it if `by` is null. */
  replace(call: Call, by: Call | null): void {
    const at = this.#calls.indexOf(call);
    for (const output of call.outputs) this.#makers.delete(output);
    this.#count(call.inputs, -1);
    this.#calls[at] = by;
    if (by) this.#note(by, at);
  }

  /** Replaces all reads of one value by reads of another. */
  redirect(from: number, to: number): void {
    const read = (value: number): number => (value === from ? to : value);
    for (const [at, call] of this.#calls.entries()) {
      if (call?.inputs.includes(from)) this.#calls[at] = { ...call, inputs: call.inputs.map(read) } as Call;
    }
    this.#outputs = this.#outputs.map(read);
    this.#reads.set(to, this.reads(to) + this.reads(from));
    this.#reads.delete(from);
  }

  /** The modified program. */
  program(): Program {
    return {
      values: this.#values,
      inputs: this.#inputs,
      constants: this.#constants,
      calls: this.calls,
      outputs: this.#outputs,
    };
  }

  #note({ inputs, outputs }: Call, at: number): void {
    for (const output of outputs) this.#makers.set(output, at);
    this.#count(inputs, 1);
  }

  #count(values: readonly number[], by: number): void {
    for (const value of values) this.#reads.set(value, this.reads(value) + by);
  }
}
