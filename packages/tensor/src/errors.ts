import { withHelp } from './help.js';
import { formatShape, type Shape } from './shape.js';

/** An operand as an error message shows it: its name, its shape, and a note on what its axes mean. */
export interface Operand {
  readonly name: string;
  readonly shape: Shape;
  readonly note?: string | undefined;
}

/**
 * Thrown for shapes that do not fit together. The message names the op, its operands and a remedy.
 *
 * @example
 * ```ts
 * import { add, zeros } from '@mobinet/tensor';
 *
 * try {
 *   add(zeros([2, 3]), zeros([2]));
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → ShapeError: add: shapes [2, 3] and [2] do not broadcast
 * // →   a  [2, 3]
 * // →   b  [2]
 * // → Hint: Counted from the end, axis 1 must be equal or 1 (here 3 and 2).
 * // → See docs/help.md#wrong-shape
 * ```
 */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';

  constructor(op: string, problem: string, operands: readonly Operand[] = [], hint?: string) {
    const nameWidth = Math.max(0, ...operands.map((o) => o.name.length));
    const shapeWidth = Math.max(0, ...operands.map((o) => formatShape(o.shape).length));
    const lines = operands.map(({ name, shape, note }) =>
      `  ${name.padEnd(nameWidth)}  ${formatShape(shape).padEnd(shapeWidth)}  ${note ?? ''}`.trimEnd(),
    );
    const message = [`${op}: ${problem}`, ...lines, ...(hint ? [`Hint: ${hint}`] : [])].join('\n');
    super(withHelp(message, 'wrong-shape'));
  }
}

/**
 * Thrown for an element type that an op does not support.
 *
 * @example
 * ```ts
 * import { concat, zeros } from '@mobinet/tensor';
 *
 * try {
 *   concat<'f32' | 'u8'>([zeros([2]), zeros([2], 'u8')], 0); // does not compile without the type argument
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → DTypeError: concat: all tensors must have the same dtype, not f32, u8
 * // → See docs/help.md#wrong-dtype
 * ```
 */
export class DTypeError extends Error {
  override readonly name = 'DTypeError';

  constructor(message: string) {
    super(withHelp(message, 'wrong-dtype'));
  }
}

/**
 * Thrown for a derivative that does not exist or could not be correct. The message is one line.
 *
 * @example
 * ```ts
 * import { apply, checkGradient, defineOp, type Tensor, tensor } from '@mobinet/tensor';
 *
 * const half = defineOp<[Tensor], [Tensor]>({
 *   // without a gradient rule
 *   name: 'half',
 *   outputs: ([{ shape }]) => [{ dtype: 'f32', shape }],
 *   reference: ([x], [y]) => y.values.set(x.values.map((value) => value / 2)),
 * });
 * try {
 *   checkGradient((x) => apply(half, [x], undefined)[0], [tensor([1, 2])]);
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → GradientError: half has no gradient rule
 * ```
 */
export class GradientError extends Error {
  override readonly name = 'GradientError';
}

/**
 * Thrown when a tensor is used after `dispose()`, or after the end of the `tidy` that owned it.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1, 2]);
 * x.dispose();
 * try {
 *   x.values;
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → DisposedError: a tensor of shape [2] was disposed. Return it from tidy(), or keep() it, to use it later.
 * // → See docs/help.md#use-after-dispose
 * ```
 */
export class DisposedError extends Error {
  override readonly name = 'DisposedError';

  constructor(message: string) {
    super(withHelp(message, 'use-after-dispose'));
  }
}

/**
 * Thrown for a file whose bytes violate its format. The message is one line.
 *
 * @example
 * ```ts
 * import { decodeNpy } from '@mobinet/tensor';
 *
 * try {
 *   decodeNpy(new TextEncoder().encode('hello'));
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → FormatError: npy: not an npy file: it does not start with \x93NUMPY
 * ```
 */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/**
 * Thrown when memory for a tensor runs out. The message says what requested it, what is in use, and what to do.
 *
 * @example
 * ```ts
 * import { OutOfMemoryError, zeros } from '@mobinet/tensor';
 *
 * try {
 *   zeros([1024, 1024, 1024, 8]);
 * } catch (error) {
 *   console.log(error instanceof OutOfMemoryError);
 * }
 * // → true
 * ```
 */
export class OutOfMemoryError extends RangeError {
  override readonly name = 'OutOfMemoryError';
  /** A clause that says what requested how many bytes. Undefined if the CPU's memory could not be created at all. */
  readonly lack: string | undefined;

  /**
   * @param message What requested the memory, and what to do.
   * @param options The cause of the error, and `lack`.
   */
  constructor(message: string, { lack, ...options }: ErrorOptions & { readonly lack?: string | undefined } = {}) {
    super(withHelp(message, 'out-of-memory'), options);
    this.lack = lack;
  }
}

/**
 * Thrown when a function cannot be traced into a program. The message is one line.
 *
 * @example
 * ```ts
 * import { compile, Rng } from '@mobinet/tensor';
 *
 * try {
 *   compile(() => Rng.fromSeed(1).normal([2]), []);
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → TraceError: normal: a program cannot draw random numbers. Pass them as an input.
 * ```
 */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

/**
 * Thrown when a kernel could not finish because its thread died or did not respond.
 *
 * @example
 * ```ts
 * import { KernelError } from '@mobinet/tensor';
 *
 * console.log(`${new KernelError('kernel f32_add failed in thread 1')}`);
 * // → KernelError: kernel f32_add failed in thread 1
 * ```
 */
export class KernelError extends Error {
  override readonly name = 'KernelError';
}

/**
 * Thrown when a tensor is on the wrong backend, or a GPU is missing or has failed.
 *
 * @example
 * ```ts
 * import { BackendError, gpuTensorLimit } from '@mobinet/tensor';
 *
 * try {
 *   gpuTensorLimit();
 * } catch (error) {
 *   console.log(error instanceof BackendError);
 * }
 * // → true
 * ```
 */
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
