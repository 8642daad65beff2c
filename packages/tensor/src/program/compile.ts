import type { AnyTensor } from '../op.js';
import { fold } from './fold.js';
import type { Program } from './program.js';
import { prune } from './prune.js';
import { ReadyProgram } from './run.js';
import { trace } from './trace.js';

/** Turns a program into another that does the same, and takes its argument over. */
export type Pass = (program: Program) => Program;

/**
 * Makes a function of tensors ready to run again and again with inputs of one shape: it is traced, what does not depend on the
 * inputs is made now, and every value gets its place in memory.
 *
 * ```ts
 * const ready = compile((x) => model.forward(x as Tensor), { examples: [zeros([1, 32, 32, 3])] });
 * const [logits] = ready.run([images]);
 * ready.dispose();
 * ```
 *
 * @param options.examples Inputs, whose elements do not matter.
 * @param options.passes What else is done to the program once its constants are folded, such as rules that fuse ops. Default: nothing.
 * @throws TraceError as `trace`.
 */
export function compile(
  f: (...inputs: AnyTensor[]) => AnyTensor | readonly AnyTensor[],
  { examples, passes = [] }: { examples: readonly AnyTensor[]; passes?: readonly Pass[] },
): ReadyProgram {
  const folded = prune(fold(trace(f, ...examples)));
  return new ReadyProgram(passes.reduce((program, pass) => prune(pass(program)), folded));
}
