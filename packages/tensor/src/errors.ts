import { formatShape, type Shape } from './shape.js';

/** An operand as an error message shows it: its name, its shape, and a note on what its axes mean. */
export interface Operand {
  readonly name: string;
  readonly shape: Shape;
  readonly note?: string | undefined;
}

/** Thrown for shapes that do not fit together. The message names the op, its operands and a remedy. */
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

/** Thrown for an element type that an op does not support. */
export class DTypeError extends Error {
  override readonly name = 'DTypeError';
}

/** Thrown for a derivative that does not exist or could not be correct. The message is one line. */
export class GradientError extends Error {
  override readonly name = 'GradientError';
}

/** Thrown when a tensor is used after `dispose()`, or after the end of the `tidy` that owned it. */
export class DisposedError extends Error {
  override readonly name = 'DisposedError';
}

/** Thrown for a file whose bytes violate its format. The message is one line. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** Thrown when memory for a tensor runs out. The message says what requested it, what is in use, and what to do. */
export class OutOfMemoryError extends RangeError {
  override readonly name = 'OutOfMemoryError';
  /** A clause that says what requested how many bytes. Undefined if the CPU's memory could not be created at all. */
  readonly lack: string | undefined;

  constructor(message: string, { lack, ...options }: ErrorOptions & { readonly lack?: string | undefined } = {}) {
    super(message, options);
    this.lack = lack;
  }
}

/** Thrown when a function cannot be traced into a program. The message is one line. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

/** Thrown when a kernel could not finish because its thread died or did not respond. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
}

/** Thrown when a tensor is on the wrong backend, or a GPU is missing or has failed. */
export class BackendError extends Error {
  override readonly name: string = 'BackendError';
}

/** Thrown when an op without a GPU kernel is called on a GPU. */
export class MissingKernelError extends BackendError {
  override readonly name = 'MissingKernelError';

  constructor(op: string) {
    super(`${op} has no GPU kernel. Move its inputs to the CPU with await toHost(x).`);
  }
}
