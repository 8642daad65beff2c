import { AbsentBlock } from '../absent.js';
import type { Block } from '../block.js';
import { checkTensor } from '../check.js';
import { tensorOn } from '../op.js';
import type { AnyTensor, Spec } from '../op-definition.js';
import { dispose, keep, tidy } from '../scope.js';
import { sameShape } from '../shape.js';
import { type AnyOp, type Tracer, withTracer } from '../tracer.js';
import { commonPath } from './layers.js';
import type { Call, Program, Value } from './program.js';

/** A function of tensors whose results are tensors. */
export type TensorFunction = (...inputs: AnyTensor[]) => AnyTensor | readonly AnyTensor[];

/**
 * Calls `f` once, and writes down what it does with its inputs. These have shapes but no elements: nothing that depends on them is
 * calculated. All else is calculated as always, and what of it meets the inputs becomes a constant: parameters, signs of weights,
 * folded batch norms. So the work on constants is done, once and for all.
 *
 * Constants share the memory of the tensors that they come from. What `f` takes from anywhere else (a size, a mode, which way an `if` goes)
 * is as it was in this call. Everything is on the CPU.
 *
 * @param inputs What the inputs will be.
 * @throws TraceError where `f` reads elements that depend on its inputs, or draws random numbers.
 */
export function trace(f: TensorFunction, inputs: readonly Spec[]): Program {
  const tracer = new ProgramTracer();
  try {
    return tidy(() => {
      const absent = inputs.map((spec) => tracer.absent(spec));
      const result = withTracer(tracer, () => f(...absent));
      const results: readonly AnyTensor[] = Array.isArray(result) ? result : [result];
      for (const [at, x] of results.entries()) checkTensor('trace', x, `result ${at} of the function`);
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
  /** Places of values, by the ids of tensors. A twin has the id of its tensor. */
  readonly #places = new Map<number, number>();
  /** Which value has no memory where, to know views of it. */
  readonly #absent = new Map<Block, number>();
  /** What was calculated from labelled tensors is called, by its memory. */
  readonly #names = new Map<Block, string>();

  /** A tensor without elements, and its value. */
  absent(spec: Spec): AnyTensor {
    const block = new AbsentBlock();
    const x = tensorOn(block, spec);
    this.#absent.set(block, this.#add(x));
    return x;
  }

  call(op: AnyOp, inputs: readonly AnyTensor[], specs: readonly Spec[], attributes: unknown): AnyTensor[] {
    if (!inputs.some(({ block }) => this.#absent.has(block))) return this.#calledOnAbsentConstants(op, inputs, specs);
    const places = inputs.map((input) => this.#placeOf(input));
    const outputs = specs.map((spec) => this.absent(spec));
    const made = outputs.map(({ id }) => this.#places.get(id)!);
    this.#calls.push({ kind: 'op', op, attributes, inputs: places, outputs: made });
    return outputs;
  }

  /** Constants may lack memory, too (`withoutMemory`): what would be calculated from them is a constant like them. */
  #calledOnAbsentConstants(op: AnyOp, inputs: readonly AnyTensor[], specs: readonly Spec[]): AnyTensor[] {
    const outputs = specs.map((spec) => tensorOn(new AbsentBlock(), spec));
    this.calculated(op, inputs, outputs);
    return outputs;
  }

  calculated({ name }: AnyOp, inputs: readonly AnyTensor[], outputs: readonly AnyTensor[]): void {
    const path = commonPath(inputs.flatMap((input) => this.#nameOf(input) ?? []));
    if (path) for (const { block } of outputs) this.#names.set(block, `${path}.${name}`);
  }

  program(inputs: readonly AnyTensor[], results: readonly AnyTensor[]): Program {
    const placesOf = (tensors: readonly AnyTensor[]) => tensors.map((x) => this.#placeOf(x));
    return {
      values: this.#values,
      inputs: placesOf(inputs),
      constants: this.#constants,
      outputs: placesOf(results),
      calls: this.#calls,
    };
  }

  dispose(): void {
    dispose(this.#constants);
  }

  #add(x: AnyTensor): number {
    const { id, dtype, shape } = x;
    const place = this.#values.push({ dtype, shape, name: this.#nameOf(x) }) - 1;
    this.#places.set(id, place);
    return place;
  }

  #nameOf({ block, label }: AnyTensor): string | undefined {
    return label ?? this.#names.get(block);
  }

  /** The value of a tensor; of one that is not known, a view of another that is, or a constant. */
  #placeOf(x: AnyTensor): number {
    const known = this.#places.get(x.id);
    if (known !== undefined) return known;
    const whole = this.#absent.get(x.block);
    if (whole === undefined) {
      const place = this.#add(x);
      this.#constants.set(place, keep(x.twin() as AnyTensor));
      return place;
    }
    if (sameShape(x.shape, this.#values[whole].shape)) return whole;
    const place = this.#add(x);
    this.#calls.push({ kind: 'view', inputs: [whole], outputs: [place] });
    return place;
  }
}
