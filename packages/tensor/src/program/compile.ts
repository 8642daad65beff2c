import { withBackend } from '../backend.js';
import { checkFunction, checkList, checkOptions, checkRecord } from '../check.js';
import type { Spec } from '../op-definition.js';
import { fuse, type Rule } from './fuse.js';
import { prune } from './prune.js';
import { ReadyProgram } from './run.js';
import { type TensorFunction, trace } from './trace.js';

/**
 * Compiles a function of tensors into a program that can run repeatedly, with inputs of fixed shapes, on the current
 * backend.
 *
 * @param f Receives tensors without elements.
 * @param inputs The dtypes and shapes of the inputs.
 * @param options Optional.
 * @param options.rules Rewrite rules, which replace calls by faster ones with the same results. They are applied in
 * order. Default: none.
 * @returns The program. The caller must dispose it.
 * @throws TraceError if `f` reads elements that depend on its inputs, or draws random numbers.
 *
 * @example
 * ```ts
 * import { compile, mul, relu, type Tensor, tensor } from '@mobinet/tensor';
 *
 * const scale = tensor([2, 3]);
 * const ready = compile((x) => relu(mul(x as Tensor, scale)), [{ dtype: 'f32', shape: [2] }]);
 * const [y] = ready.run([tensor([1, -1])]);
 * console.log(`${(y as Tensor).values}`);
 * // → 2,0
 * ready.dispose();
 * ```
 */
export function compile(
  f: TensorFunction,
  inputs: readonly Spec[],
  options: { rules?: readonly Rule[] } = {},
): ReadyProgram {
  checkFunction('compile', f);
  checkList('compile', inputs, "[{ dtype: 'f32', shape: [2, 3] }]");
  for (const [at, input] of inputs.entries()) checkRecord(`compile: input ${at}`, input);
  checkOptions('compile', options, ['rules']);
  const { rules = [] } = options;
  const program = withBackend('cpu', () => prune(fuse(trace(f, inputs, 'compile'), rules)));
  return new ReadyProgram(program);
}
