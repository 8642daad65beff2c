import { dispose } from '../scope.js';
import type { Call, Program } from './program.js';

/** Removes calls whose outputs are not used (dead code elimination), and disposes constants that are no longer read. */
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
