import type { AnyTensor, OpDefinition } from '../op.js';
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
  #calls: readonly Call[];
  #outputs: readonly number[];

  constructor({ values, constants, inputs, calls, outputs }: Program) {
    this.#values = [...values];
    this.#constants = new Map(constants);
    this.#inputs = inputs;
    this.#calls = calls;
    this.#outputs = outputs;
  }

  get calls(): readonly Call[] {
    return this.#calls;
  }

  value(at: number): Value {
    return this.#values[at];
  }

  constant(at: number): AnyTensor | undefined {
    return this.#constants.get(at);
  }

  /** The op that makes a value; of inputs, constants and views there is none. */
  maker(value: number): OpCall | undefined {
    return this.#calls.find((call): call is OpCall => call.kind === 'op' && call.outputs.includes(value));
  }

  /** How often a value is read, by calls and as a result. */
  reads(value: number): number {
    const readers = [...this.#calls.map(({ inputs }) => inputs), this.#outputs];
    return readers.flat().filter((read) => read === value).length;
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
    this.#calls = this.#calls.flatMap((other) => (other === call ? (by ?? []) : other));
  }

  /** Has all who read one value read another. */
  redirect(from: number, to: number): void {
    const read = (value: number): number => (value === from ? to : value);
    this.#calls = this.#calls.map((call) =>
      call.inputs.includes(from) ? ({ ...call, inputs: call.inputs.map(read) } as Call) : call,
    );
    this.#outputs = this.#outputs.map(read);
  }

  program(): Program {
    return {
      values: this.#values,
      inputs: this.#inputs,
      constants: this.#constants,
      calls: this.#calls,
      outputs: this.#outputs,
    };
  }
}
