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

/** Cuts a program into layers, each with a name of its own. Each begins with a call that has weights; calls before the first belong to it, too. */
export function layersOf({ values, constants, calls }: Program): Layer[] {
  const labelsOf = (calls: readonly Call[]): string[] =>
    calls.flatMap(({ inputs }) => inputs.flatMap((at) => (constants.has(at) ? (values[at].name ?? []) : [])));
  const isWeighted = (call: Call): boolean =>
    call.kind === 'op' && call.op.multiplyAdds !== undefined && call.inputs.some((input) => constants.has(input));
  const beginnings = calls.flatMap((call, at) => (isWeighted(call) ? at : []));
  const cuts = [0, ...beginnings.slice(1), calls.length];
  const used = new Map<string, number>();
  return cuts.slice(1).map((to, index) => {
    const own = calls.slice(cuts[index], to);
    const name = commonPath(labelsOf(own)) || commonPath(labelsOf(own.filter(isWeighted))) || `layer.${index}`;
    // What is called again with the same weights is another layer.
    const times = (used.get(name) ?? 0) + 1;
    used.set(name, times);
    return { name: times === 1 ? name : `${name}.${times}`, from: cuts[index], to };
  });
}

/** The name of the layer that each call belongs to, by the places of the calls. */
export function layerNames(program: Program): string[] {
  return layersOf(program).flatMap(({ name, from, to }) => new Array<string>(to - from).fill(name));
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
