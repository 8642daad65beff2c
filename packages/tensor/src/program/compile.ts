import { withBackend } from '../backend.js';
import type { Spec } from '../op-definition.js';
import { fuse, type Rule } from './fuse.js';
import { prune } from './prune.js';
import { ReadyProgram } from './run.js';
import { type TensorFunction, trace } from './trace.js';

/**
 * Makes a function of tensors ready to run again and again with inputs of one shape, on the current backend.
 *
 * ```ts
 * const ready = compile((x) => model.forward(x as Tensor), [{ dtype: 'f32', shape: [1, 32, 32, 3] }]);
 * const [logits] = ready.run([images]);
 * ready.dispose();
 * ```
 *
 * @param inputs What the inputs will be.
 * @param options.rules Better ways to the same numbers, in the order in which they are tried. Default: none.
 * @throws TraceError as `trace`.
 */
export function compile(
  f: TensorFunction,
  inputs: readonly Spec[],
  { rules = [] }: { rules?: readonly Rule[] } = {},
): ReadyProgram {
  const program = withBackend('cpu', () => prune(fuse(trace(f, inputs), rules)));
  return new ReadyProgram(program);
}
