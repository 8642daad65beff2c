import type { DType } from '../dtype.js';
import type { AnyTensor } from '../op-definition.js';
import { dispose } from '../scope.js';
import { formatShape, type Shape } from '../shape.js';
import type { AnyOp } from '../tracer.js';

/** Describes a tensor of a program, before it has memory. */
export interface Value {
  readonly dtype: DType | 'bits';
  readonly shape: Shape;
  /** The label of a constant; of a computed one, the common path of the labels behind it, and the op. */
  readonly name?: string | undefined;
}

/** A call in a program: of an op, or a view. Values are given by their indices in `Program.values`. */
export type Call =
  | {
      readonly kind: 'op';
      readonly op: AnyOp;
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
  readonly values: readonly Value[];
  readonly inputs: readonly number[];
  /** The constants. The program owns these handles, but may share their memory with the tensors that they come from. */
  readonly constants: ReadonlyMap<number, AnyTensor>;
  readonly calls: readonly Call[];
  readonly outputs: readonly number[];
}

/**
 * Disposes the constants of a program. Passes take ownership of their argument, so only the last program of a chain has
 * to be disposed.
 */
export function disposeProgram({ constants }: Program): void {
  dispose(constants);
}

/**
 * Formats a program as readable text, one call per line:
 *
 *     %3 f32 [1, 8, 8, 4] = conv2d(%0, stem.weight)
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
