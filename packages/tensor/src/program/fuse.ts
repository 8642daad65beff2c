import type { AnyTensor, OpDefinition } from '../op-definition.js';
import type { AnyOp } from '../tracer.js';
import type { Call, Program, Value } from './program.js';

/** A call of an op. */
export type OpCall = Extract<Call, { kind: 'op' }>;

/** Looks at one call, and changes the draft where it knows a better way to the same numbers. Rules stand beside the op that they make. */
export type Rule = (draft: Draft, call: OpCall) => void;

/** Applies rules, one after the other, each to all calls in their order. What is then read by none is left to `prune`. */
export function fuse(program: Program, rules: readonly Rule[]): Program {
  const draft = new Draft(program);
  for (const rule of rules) {
    // By what they make, since calls change.
    for (const { outputs } of draft.calls) {
      const call = draft.maker(outputs[0]);
      if (call) rule(draft, call);
    }
  }
  return draft.program();
}

/** Whether a call is one of `op`: then its attributes are known. */
export function isCallOf<
  I extends readonly AnyTensor[],
  O extends readonly AnyTensor[],
  A,
  S extends readonly AnyTensor[],
>(call: OpCall | undefined, op: OpDefinition<I, O, A, S>): call is OpCall & { readonly attributes: A } {
  return call?.op === (op as unknown as AnyOp);
}

/** A program that is being changed. */
export class Draft {
  readonly #values: Value[];
  readonly #constants: Map<number, AnyTensor>;
  readonly #inputs: readonly number[];
  readonly #calls: (Call | null)[];
  #outputs: readonly number[];
  /** Where in the calls each value is made, and how often it is read. */
  readonly #makers = new Map<number, number>();
  readonly #reads = new Map<number, number>();

  constructor({ values, constants, inputs, calls, outputs }: Program) {
    this.#values = [...values];
    this.#constants = new Map(constants);
    this.#inputs = inputs;
    this.#calls = [...calls];
    this.#outputs = outputs;
    for (const [at, call] of calls.entries()) this.#note(call, at);
    this.#count(outputs, 1);
  }

  get calls(): readonly Call[] {
    return this.#calls.filter((call) => call !== null);
  }

  value(at: number): Value {
    return this.#values[at];
  }

  constant(at: number): AnyTensor | undefined {
    return this.#constants.get(at);
  }

  /** The op that makes a value; of inputs, constants and views there is none. */
  maker(value: number): OpCall | undefined {
    const call = this.#calls[this.#makers.get(value) ?? -1];
    return call?.kind === 'op' ? call : undefined;
  }

  /** How often a value is read, by calls and as a result. */
  reads(value: number): number {
    return this.#reads.get(value) ?? 0;
  }

  /** Adds a value that a new call will make. */
  add(value: Value): number {
    return this.#values.push(value) - 1;
  }

  /** Adds a constant, and takes it over. */
  addConstant(x: AnyTensor, name?: string): number {
    const place = this.add({ dtype: x.dtype, shape: x.shape, name });
    this.#constants.set(place, x);
    return place;
  }

  /** Puts a call in the place of another, or (null) nothing. */
  replace(call: Call, by: Call | null): void {
    const at = this.#calls.indexOf(call);
    for (const output of call.outputs) this.#makers.delete(output);
    this.#count(call.inputs, -1);
    this.#calls[at] = by;
    if (by) this.#note(by, at);
  }

  /** Has all who read one value read another. */
  redirect(from: number, to: number): void {
    const read = (value: number): number => (value === from ? to : value);
    for (const [at, call] of this.#calls.entries()) {
      if (call?.inputs.includes(from)) this.#calls[at] = { ...call, inputs: call.inputs.map(read) } as Call;
    }
    this.#outputs = this.#outputs.map(read);
    this.#reads.set(to, this.reads(to) + this.reads(from));
    this.#reads.delete(from);
  }

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
