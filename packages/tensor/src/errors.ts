import { formatShape, type Shape } from './shape.js';

/** An operand as an error shows it: its name, its shape, and what its axes mean. */
export interface Operand {
  readonly name: string;
  readonly shape: Shape;
  readonly note?: string | undefined;
}

/** Shapes that do not fit together. The message names the op, its operands and the remedy. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';

  constructor(op: string, problem: string, operands: readonly Operand[] = [], hint?: string) {
    const nameWidth = Math.max(0, ...operands.map((o) => o.name.length));
    const shapeWidth = Math.max(0, ...operands.map((o) => formatShape(o.shape).length));
    const lines = operands.map(({ name, shape, note }) =>
      `  ${name.padEnd(nameWidth)}  ${formatShape(shape).padEnd(shapeWidth)}  ${note ?? ''}`.trimEnd(),
    );
    super([`${op}: ${problem}`, ...lines, ...(hint ? [`Hint: ${hint}`] : [])].join('\n'));
  }
}

/** An element type that the op cannot take. */
export class DTypeError extends Error {
  override readonly name = 'DTypeError';
}

/** A derivative that there is none of, or that could not be right. The message is one line. */
export class GradientError extends Error {
  override readonly name = 'GradientError';
}

/** A tensor that was used after `dispose()`, or after the `tidy` that owned it. */
export class DisposedError extends Error {
  override readonly name = 'DisposedError';
}

/** A file whose bytes do not say what its format promises. The message is one line. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** No memory is left for a tensor. The message says what asked for it, what lives, and what to do. */
export class OutOfMemoryError extends RangeError {
  override readonly name = 'OutOfMemoryError';
  /** What asked for how many bytes: a clause. Undefined where nothing did, since there is no memory at all. */
  readonly lack: string | undefined;

  constructor(message: string, { lack, ...options }: ErrorOptions & { readonly lack?: string | undefined } = {}) {
    super(message, options);
    this.lack = lack;
  }
}

/** A function that cannot be written down as a program. The message is one line. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

/** A kernel that could not run to its end: its thread has died, or did not answer. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
}

/** A tensor where it is not wanted, or a GPU that is not there or can do no more. */
export class BackendError extends Error {
  override readonly name: string = 'BackendError';
}

/** An operation that no GPU can do. */
export class MissingKernelError extends BackendError {
  override readonly name = 'MissingKernelError';

  constructor(op: string) {
    super(`${op} has no kernel for a GPU. Move its inputs to the CPU: await toHost(x).`);
  }
}
