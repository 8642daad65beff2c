import type { DType } from '../dtype.js';
import type { AnyTensor } from '../op-definition.js';
import { dispose } from '../scope.js';
import { formatShape, type Shape } from '../shape.js';
import type { AnyOp } from '../tracer.js';

/** What a tensor of a program is, before it has memory. */
export interface Value {
  readonly dtype: DType | 'bits';
  readonly shape: Shape;
  /** The label of a constant; of one that was calculated, the path that the labels behind it have in common, and the op. */
  readonly name?: string | undefined;
}

/** A call of a program. Values are named by their places in `Program.values`. */
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
 * A function of tensors, written down: the ops that it called, in their order. `trace` makes one, passes (`fuse`, `prune`) turn one
 * into another, and `ReadyProgram` runs it.
 *
 * Each value is made once: it is an input, a constant, or an output of one call. Calls come after those that they read.
 */
export interface Program {
  readonly values: readonly Value[];
  readonly inputs: readonly number[];
  /** They belong to the program, which may share their memory with whoever made them. */
  readonly constants: ReadonlyMap<number, AnyTensor>;
  readonly calls: readonly Call[];
  readonly outputs: readonly number[];
}

/** Frees what a program holds. A pass takes its argument over: of a chain of them, the last program is the one to dispose of. */
export function disposeProgram({ constants }: Program): void {
  dispose(constants);
}

/**
 * A program as text, one call a line, for those who read:
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
