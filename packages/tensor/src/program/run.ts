/// <reference lib="esnext.disposable" preserve="true" />
import { checkList, checkTensor } from '../check.js';
import { ShapeError, TraceError } from '../errors.js';
import { toBackend } from '../move.js';
import { apply, applyInto, tensorOn } from '../op.js';
import type { AnyTensor } from '../op-definition.js';
import { dispose, keep } from '../scope.js';
import { sameShape } from '../shape.js';
import { emptyTensor } from '../tensor.js';
import { bytesIn, place, resultsOf } from './place.js';
import { type Call, disposeProgram, type Program } from './program.js';

/**
 * A program with its own memory, which can run repeatedly. A run is a loop over kernels: it checks no shapes beyond
 * those of the inputs, and creates no tensors except its results.
 *
 * @example
 * ```ts
 * import { relu, type Tensor, tensor } from '@mobinet/tensor';
 * import { ReadyProgram, trace } from '@mobinet/tensor/kernels';
 *
 * const ready = new ReadyProgram(trace((x) => relu(x as Tensor), [{ dtype: 'f32', shape: [2] }]));
 * const [y] = ready.run([tensor([-1, 4])]);
 * console.log(`${(y as Tensor).values}`);
 * // → 0,4
 * ready.dispose();
 * ```
 */
export class ReadyProgram {
  /** The program that it runs. */
  readonly program: Program;
  /** The tensor of each value. Those of inputs, results and views of them exist only during a run. */
  readonly #tensors: (AnyTensor | null)[];
  readonly #steps: readonly ((() => void) | null)[];
  readonly #bytes: number;
  readonly #memory: { dispose(): void }[] = [];
  #isRunning = false;
  /** The tensors that the current run has created: results, and further outputs of the same calls. */
  readonly #created: AnyTensor[] = [];

  /** Prepares a program to run on the current backend, and takes ownership of it. */
  constructor(program: Program) {
    this.program = program;
    const { values, calls } = program;
    const constants = new Map(Array.from(program.constants, ([at, x]) => [at, this.#hold(keep(toBackend(x)))]));
    const { pieces, pieceOf } = place(program);
    this.#bytes = bytesIn(pieces);
    // All tensors of a piece start at its beginning, so writing one invalidates the others.
    const memory = pieces.map((bytes) => this.#hold(keep(emptyTensor('u32', [Math.ceil(bytes / 4)], 'a program'))));
    this.#tensors = values.map((value, at) => {
      const piece = pieceOf.get(at);
      if (piece === undefined) return constants.get(at) ?? null;
      return this.#hold(keep(tensorOn(memory[piece].share(), value)));
    });
    const results = resultsOf(program);
    this.#steps = calls.map((call) => this.#step(call, results));
  }

  /** The memory that it allocates in addition to its constants, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Runs the program. The results belong to the caller.
   *
   * @param inputs Tensors of the shapes and dtypes of the inputs of the program, in the same order.
   * @param onCall Invoked after each call of the program, with its index. `tensor` then gives access to its outputs.
   * @throws ShapeError if the shapes or dtypes of the inputs are not those of the program.
   */
  run(inputs: readonly AnyTensor[], onCall?: (call: number) => void): AnyTensor[] {
    this.#check(inputs);
    if (this.#isRunning) throw new TraceError('a running program cannot be run again from its onCall');
    this.#isRunning = true;
    const tensors = this.#tensors;
    try {
      for (const [index, at] of this.program.inputs.entries()) tensors[at] = inputs[index];
      for (const [call, step] of this.#steps.entries()) {
        step?.();
        onCall?.(call);
      }
      // Aliases, because a result may also be an input or a constant.
      return this.program.outputs.map((at) => tensors[at]!.alias(tensors[at]!.shape) as AnyTensor);
    } finally {
      this.#isRunning = false;
      dispose(this.#created);
      this.#created.length = 0;
    }
  }

  /** The tensor of a value, once it has been computed in the current run. Later calls may overwrite it. */
  tensor(value: number): AnyTensor {
    return this.#tensors[value]!;
  }

  /** Frees the program's memory and constants. */
  dispose(): void {
    for (const part of this.#memory) part.dispose();
    disposeProgram(this.program);
  }

  /** Lets `using program = compile(f, inputs)` free the program at the end of the enclosing block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(inputs: readonly AnyTensor[]): void {
    checkList('run', inputs, '[x] of tensors');
    for (const [at, input] of inputs.entries()) checkTensor('run', input, `input ${at}`);
    const { program } = this;
    const expected = program.inputs.map((at) => program.values[at]);
    const fits = ({ dtype, shape }: AnyTensor, at: number): boolean =>
      dtype === expected[at].dtype && sameShape(shape, expected[at].shape);
    if (inputs.length === expected.length && inputs.every(fits)) return;
    throw new ShapeError(
      'program',
      `it was compiled for ${expected.map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`).join(', ')}`,
      inputs.map(({ shape, dtype }, at) => ({ name: `input ${at}`, shape, note: dtype })),
      'Compile the function for these inputs.',
    );
  }

  /** What a call does in a run. Null if there is nothing to do, because a view exists already. */
  #step(call: Call, results: ReadonlySet<number>): (() => void) | null {
    const tensors = this.#tensors;
    const { inputs, outputs } = call;
    if (call.kind === 'view') {
      const [[from], [to]] = [inputs, outputs];
      if (tensors[to] !== null) return null;
      const { shape } = this.program.values[to];
      return () => {
        tensors[to] = this.#note(tensors[from]!.alias(shape) as AnyTensor);
      };
    }
    const { op, attributes } = call;
    const operands = inputs.map((at) => tensors[at]);
    // Operands that exist only during a run.
    const late = inputs.flatMap((at, index) => (operands[index] === null ? { at, index } : []));
    const gather = (): readonly AnyTensor[] => {
      for (const { at, index } of late) operands[index] = tensors[at];
      return operands as AnyTensor[];
    };
    if (outputs.some((at) => results.has(at))) {
      return () => {
        for (const [index, output] of apply(op, gather(), attributes).entries())
          tensors[outputs[index]] = this.#note(output);
      };
    }
    const targets = outputs.map((at) => tensors[at] as AnyTensor);
    return () => applyInto(op, gather(), targets, attributes);
  }

  #note(created: AnyTensor): AnyTensor {
    this.#created.push(created);
    return created;
  }

  #hold<T extends { dispose(): void }>(part: T): T {
    this.#memory.push(part);
    return part;
  }
}
