import type { DType } from '../dtype.js';
import type { AnyTensor } from '../op-definition.js';
import { dispose } from '../scope.js';
import { formatShape, type Shape } from '../shape.js';
import type { AnyOp } from '../tracer.js';

/** Describes a tensor of a program, before it has memory. */
export interface Value {
  /** The element type, or `'bits'` for a bit tensor. */
  readonly dtype: DType | 'bits';
  /** The sizes of the axes. */
  readonly shape: Shape;
  /** The label of a constant; of a computed one, the common path of the labels behind it, and the op. */
  readonly name?: string | undefined;
}

/** A call in a program: of an op, or a view. Values are given by their indices in `Program.values`. */
export type Call =
  | {
      readonly kind: 'op';
      readonly op: AnyOp;
      /** The arguments of the call that are not tensors. */
      readonly attributes: unknown;
      readonly inputs: readonly number[];
      readonly outputs: readonly number[];
    }
  /** The output shares the memory of the input. */
  | { readonly kind: 'view'; readonly inputs: readonly [number]; readonly outputs: readonly [number] };

/**
 * A recorded function of tensors: the ops that it called, in order. `trace` creates it, passes (`fuse`, `prune`)
 * transform it, and `ReadyProgram` runs it.
 *
 * Each value is defined once (static single assignment): as an input, a constant, or an output of one call. Calls come
 * after the calls whose outputs they read.
 */
export interface Program {
  /** The descriptions of all values. Everything else refers to them by their indices. */
  readonly values: readonly Value[];
  /** The inputs, in the order of the arguments. */
  readonly inputs: readonly number[];
  /** The constants. The program owns these handles, but may share their memory with the tensors that they come from. */
  readonly constants: ReadonlyMap<number, AnyTensor>;
  /** The calls, in the order in which they run. */
  readonly calls: readonly Call[];
  /** The results, in order. */
  readonly outputs: readonly number[];
}

/**
 * Disposes the constants of a program. Passes take ownership of their argument, so only the last program of a chain has
 * to be disposed.
 *
 * @param program The program.
 *
 * @example
 * ```ts
 * import { memory, ones, type Tensor } from '@mobinet/tensor';
 * import { disposeProgram, trace } from '@mobinet/tensor/kernels';
 *
 * const program = trace((x) => (x as Tensor).mul(ones([3])), [{ dtype: 'f32', shape: [3] }]);
 * const before = memory().tensors;
 * disposeProgram(program);
 * console.log(before - memory().tensors); // it had one constant
 * // → 1
 * ```
 */
export function disposeProgram({ constants }: Program): void {
  dispose(constants);
}

/**
 * Formats a program as readable text, one call per line:
 *
 *     %3 f32 [1, 8, 8, 4] = conv2d(%0, stem.weight)
 *
 * @param program The program.
 *
 * @example
 * ```ts
 * import { matmul, ones, relu, type Tensor } from '@mobinet/tensor';
 * import { disposeProgram, formatProgram, trace } from '@mobinet/tensor/kernels';
 *
 * const weight = Object.assign(ones([4, 2]), { label: 'weight' });
 * const program = trace((x) => relu(matmul(x as Tensor, weight)), [{ dtype: 'f32', shape: [1, 4] }]);
 * console.log(formatProgram(program));
 * // → inputs %0 f32 [1, 4]
 * // → %2 f32 [1, 2] = matmul(%0, weight)
 * // → %3 f32 [1, 2] = relu(%2)
 * // → outputs %3
 * disposeProgram(program);
 * ```
 */
export function formatProgram({ values, inputs, calls, constants, outputs }: Program): string {
  const described = (at: number): string => `%${at} ${values[at].dtype} ${formatShape(values[at].shape)}`;
  const named = (at: number): string => (constants.has(at) ? (values[at].name ?? `constant ${at}`) : `%${at}`);
  return [
    `inputs ${inputs.map(described).join(', ')}`,
    ...calls.map((call) => {
      const name = call.kind === 'op' ? call.op.name : 'view';
      return `${call.outputs.map(described).join(', ')} = ${name}(${call.inputs.map(named).join(', ')})`;
    }),
    `outputs ${outputs.map(named).join(', ')}`,
  ].join('\n');
}
