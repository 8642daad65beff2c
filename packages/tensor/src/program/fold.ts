import { type AnyTensor, apply } from '../op.js';
import { keep } from '../scope.js';
import type { Call, Program, Value } from './program.js';

/**
 * Makes now what does not depend on the inputs: signs of weights, folded batch norms. What was made is a constant, and the latent weights
 * behind it are read by no call any more (`prune` lets go of them).
 */
export function fold(program: Program): Program {
  const values: Value[] = [...program.values];
  const constants = new Map(program.constants);
  const calls = program.calls.filter((call) => {
    if (!call.inputs.every((input) => constants.has(input))) return true;
    const inputs = call.inputs.map((input) => constants.get(input)!);
    const name = commonPath(call.inputs.map((input) => values[input].name));
    for (const [at, output] of made(call, inputs, values).entries()) {
      const place = call.outputs[at];
      constants.set(place, output);
      values[place] = { ...values[place], name };
    }
    return false;
  });
  return { ...program, values, constants, calls };
}

function made(call: Call, inputs: readonly AnyTensor[], values: readonly Value[]): readonly AnyTensor[] {
  if (call.kind === 'view') return keep([inputs[0].alias(values[call.outputs[0]].shape)]);
  return keep(apply(call.op, inputs, call.attributes));
}

/** What dotted paths have in common: of `units.0.conv.weight` and `units.0.norm.gamma`, `units.0`. Those without a name do not count. */
export function commonPath(names: readonly (string | undefined)[]): string | undefined {
  const paths = names.filter((name) => name !== undefined).map((name) => name.split('.'));
  if (paths.length === 0) return undefined;
  const [first, ...others] = paths;
  const length = first.findIndex((part, at) => others.some((path) => path[at] !== part));
  return (length < 0 ? first : first.slice(0, length)).join('.') || undefined;
}
