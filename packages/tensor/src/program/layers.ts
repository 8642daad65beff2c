import { withoutMemory } from '../absent.js';
import { emptyFrom } from '../op.js';
import { tidy } from '../scope.js';
import type { Call, Program } from './program.js';

/** Calls of a program that follow each other and belong together: a convolution or a matrix product, and what is done to its result. */
export interface Layer {
  /** What the labels of its constants have in common: `stem` of `stem.conv.weight` and `stem.norm.shift`. */
  readonly name: string;
  /** Its calls are those from `from` on, and before `to`. */
  readonly from: number;
  readonly to: number;
}

/** Cuts a program into layers. Each begins with a call that has weights; calls before the first belong to it, too. */
export function layersOf({ values, constants, calls }: Program): Layer[] {
  const beginnings = calls.flatMap((call, at) =>
    call.kind === 'op' && call.op.multiplyAdds && call.inputs.some((input) => constants.has(input)) ? at : [],
  );
  const cuts = [0, ...beginnings.slice(1), calls.length];
  return cuts.slice(1).map((to, index) => {
    const from = cuts[index];
    const inputs = calls.slice(from, to).flatMap((call) => call.inputs);
    const labels = inputs.flatMap((input) => (constants.has(input) ? (values[input].name ?? []) : []));
    return { name: commonPath(labels) || `layer.${index}`, from, to };
  });
}

/** What dotted paths have in common, without their last parts: of `units.0.signs` and `units.0.lines`, `units.0`. Null for no paths. */
export function commonPath(names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const [first, ...others] = names.map((name) => name.split('.').slice(0, -1));
  const length = first.findIndex((part, at) => others.some((path) => path[at] !== part));
  return (length < 0 ? first : first.slice(0, length)).join('.');
}

/** How many multiply-adds a call of a program takes; 0 where that is no measure of its work. */
export function multiplyAddsOf({ values }: Program, call: Call): number {
  if (call.kind === 'view' || !call.op.multiplyAdds) return 0;
  const { op, inputs, outputs, attributes } = call;
  return withoutMemory(() =>
    tidy(() => {
      const [from, to] = [inputs, outputs].map((places) => places.map((at) => emptyFrom(values[at])));
      return op.multiplyAdds!(from, to, attributes);
    }),
  );
}
