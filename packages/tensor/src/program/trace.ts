import type { Block } from '../block.js';
import { TraceError } from '../errors.js';
import type { AnyTensor } from '../op.js';
import { dispose, keep, tidy } from '../scope.js';
import { type Tracer, withTracer } from '../tracer.js';
import type { Call, Program, Value } from './program.js';

/**
 * Runs `f` once on examples, and writes down what it did.
 *
 * Parameters and all other tensors that were there before become constants: the program shares their memory. Numbers that `f` takes from
 * anywhere else (a size, a mode, the result of an `if`) are what they were in this run, so `f` should do the same in each.
 *
 * @param examples Of the inputs: their shapes, dtypes and backend are those of the program.
 * @throws TraceError where `f` reads elements that depend on its inputs, draws random numbers or overwrites a tensor.
 */
export function trace(
  f: (...inputs: AnyTensor[]) => AnyTensor | readonly AnyTensor[],
  ...examples: AnyTensor[]
): Program {
  const listener = new ProgramTracer(examples);
  try {
    return tidy(() => {
      const result = withTracer(listener, () => f(...examples));
      return listener.program(Array.isArray(result) ? result : [result as AnyTensor]);
    });
  } catch (error) {
    listener.dispose();
    throw error;
  }
}

class ProgramTracer implements Tracer {
  readonly #values: Value[] = [];
  readonly #calls: Call[] = [];
  readonly #inputs: readonly number[];
  readonly #constants = new Map<number, AnyTensor>();
  /** Places of values, by the ids of tensors. A twin has the id of its tensor. */
  readonly #places = new Map<number, number>();
  /** Memory whose contents depend on the inputs. */
  readonly #dependent = new Set<Block>();

  constructor(examples: readonly AnyTensor[]) {
    this.#inputs = examples.map((example) => {
      this.#dependent.add(example.block);
      return this.#add(example);
    });
  }

  call(...[op, inputs, outputs, attributes]: Parameters<Tracer['call']>): void {
    const places = inputs.map((input) => this.#placeOf(input, op.name));
    if (inputs.some((input) => this.#dependent.has(input.block))) {
      for (const { block } of outputs) this.#dependent.add(block);
    }
    const made = outputs.map((output) => this.#add(output));
    this.#calls.push({ kind: 'op', op, attributes, inputs: places, outputs: made });
  }

  view(x: AnyTensor, view: AnyTensor): void {
    const place = this.#placeOf(x, 'a view');
    this.#calls.push({ kind: 'view', inputs: [place], outputs: [this.#add(view)] });
  }

  read(x: AnyTensor): void {
    if (this.#dependent.has(x.block)) {
      const name = x.label ?? `a tensor of shape [${x.shape}]`;
      throw new TraceError(
        `${name} is read by the host, but depends on the inputs: a program cannot know what will be there`,
      );
    }
  }

  refuse(what: string, why: string): void {
    throw new TraceError(`${what} cannot be traced: ${why}`);
  }

  program(results: readonly AnyTensor[]): Program {
    const outputs = results.map((result) => this.#placeOf(result, 'the result'));
    return { values: this.#values, inputs: this.#inputs, constants: this.#constants, calls: this.#calls, outputs };
  }

  dispose(): void {
    dispose(this.#constants);
  }

  #add(x: AnyTensor): number {
    const place = this.#values.length;
    this.#values.push({ dtype: x.dtype, shape: x.shape, name: x.label });
    this.#places.set(x.id, place);
    return place;
  }

  /** The value of a tensor; of one that is not known, a new constant. */
  #placeOf(x: AnyTensor, reader: string): number {
    const known = this.#places.get(x.id);
    if (known !== undefined) return known;
    if (this.#dependent.has(x.block)) {
      throw new TraceError(
        `${reader} reads a view of shape [${x.shape}] that nobody has told of: make it with reshape`,
      );
    }
    const place = this.#add(x);
    this.#constants.set(place, keep(x.twin() as AnyTensor));
    return place;
  }
}
