import { BitTensor } from '../bit-tensor.js';
import { TraceError } from '../errors.js';
import type { AnyTensor, Spec } from '../op.js';
import { dispose, keep, tidy } from '../scope.js';
import { Tensor } from '../tensor.js';
import { AbsentBlock, type AnyOp, type Tracer, withTracer } from '../tracer.js';
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
      return tracer.program(absent, Array.isArray(result) ? result : [result as AnyTensor]);
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

  /** What tensors that were calculated from labelled ones are called, by their ids. */
  readonly #names = new Map<number, string>();

  /** A tensor without elements, and its value. */
  absent({ dtype, shape }: Spec): AnyTensor {
    const x = dtype === 'bits' ? new BitTensor(shape, new AbsentBlock()) : new Tensor(dtype, shape, new AbsentBlock());
    this.#add(x);
    return x;
  }

  call(op: AnyOp, inputs: readonly AnyTensor[], specs: readonly Spec[], attributes: unknown): AnyTensor[] {
    const places = inputs.map((input) => this.#placeOf(input, op.name));
    const outputs = specs.map((spec) => this.absent(spec));
    const made = outputs.map(({ id }) => this.#places.get(id)!);
    this.#calls.push({ kind: 'op', op, attributes, inputs: places, outputs: made });
    return outputs;
  }

  calculated({ name }: AnyOp, inputs: readonly AnyTensor[], outputs: readonly AnyTensor[]): void {
    const path = commonPath(inputs.flatMap((input) => this.#nameOf(input) ?? []));
    if (path) for (const { id } of outputs) this.#names.set(id, `${path}.${name}`);
  }

  view(x: AnyTensor, view: AnyTensor): void {
    if (!(x.block instanceof AbsentBlock)) {
      const name = this.#nameOf(x);
      if (name) this.#names.set(view.id, name);
      return;
    }
    const place = this.#placeOf(x, 'a view');
    this.#calls.push({ kind: 'view', inputs: [place], outputs: [this.#add(view)] });
  }

  program(inputs: readonly AnyTensor[], results: readonly AnyTensor[]): Program {
    const placesOf = (tensors: readonly AnyTensor[]) => tensors.map((x) => this.#placeOf(x, 'the result'));
    return {
      values: this.#values,
      inputs: placesOf(inputs),
      constants: this.#constants,
      calls: this.#calls,
      outputs: placesOf(results),
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

  #nameOf({ id, label }: AnyTensor): string | undefined {
    return label ?? this.#names.get(id);
  }

  /** The value of a tensor; of one that is not known, a new constant. */
  #placeOf(x: AnyTensor, reader: string): number {
    const known = this.#places.get(x.id);
    if (known !== undefined) return known;
    if (x.block instanceof AbsentBlock) {
      throw new TraceError(
        `${reader} reads a view of shape [${x.shape.join(', ')}] that is none of reshape: it cannot be traced`,
      );
    }
    const place = this.#add(x);
    this.#constants.set(place, keep(x.twin() as AnyTensor));
    return place;
  }
}
