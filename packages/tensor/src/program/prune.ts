import { dispose } from '../scope.js';
import type { Call, Program } from './program.js';

/**
 * Removes calls whose outputs are not used (dead code elimination), and disposes constants that are no longer read.
 *
 * @example
 * ```ts
 * import { exp, relu, type Tensor } from '@mobinet/tensor';
 * import { prune, trace } from '@mobinet/tensor/kernels';
 *
 * const program = trace(
 *   (x) => {
 *     exp(x as Tensor); // nobody reads this
 *     return relu(x as Tensor);
 *   },
 *   [{ dtype: 'f32', shape: [3] }],
 * );
 * console.log(`${program.calls.length} calls, then ${prune(program).calls.length}`);
 * // → 2 calls, then 1
 * ```
 */
export function prune(program: Program): Program {
  const read = new Set(program.outputs);
  const calls: Call[] = [];
  for (const call of program.calls.toReversed()) {
    if (!call.outputs.some((output) => read.has(output))) continue;
    for (const input of call.inputs) read.add(input);
    calls.push(call);
  }
  const constants = new Map(program.constants);
  for (const [index, constant] of program.constants) {
    if (read.has(index)) continue;
    dispose(constant);
    constants.delete(index);
  }
  return { ...program, constants, calls: calls.toReversed() };
}
