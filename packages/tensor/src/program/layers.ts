import type { Program } from './program.js';

/** Calls of a program that follow each other and belong together. */
export interface Layer {
  /** `stem` where the calls read `stem.weight` and `stem.bias`. */
  readonly name: string;
  /** Its calls are those from `from` on, and before `to`. */
  readonly from: number;
  readonly to: number;
}

/**
 * Cuts a program into layers by the labels of its constants: a call belongs to the path that its labelled constants have in common, and a
 * call without such a constant to the layer of the call before it.
 */
export function layersOf({ values, constants, calls }: Program): Layer[] {
  const layers: Layer[] = [];
  for (const [at, { inputs }] of calls.entries()) {
    const labels = inputs.flatMap((input) => (constants.has(input) ? (values[input].name ?? []) : []));
    const name = commonPath(labels);
    const last = layers.at(-1);
    if (last && (name === null || name === last.name)) layers[layers.length - 1] = { ...last, to: at + 1 };
    else layers.push({ name: name ?? '', from: at, to: at + 1 });
  }
  return layers;
}

/** What dotted paths have in common, without their last parts: of `units.0.signs` and `units.0.lines`, `units.0`. Null for no paths. */
export function commonPath(names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const [first, ...others] = names.map((name) => name.split('.').slice(0, -1));
  const length = first.findIndex((part, at) => others.some((path) => path[at] !== part));
  return (length < 0 ? first : first.slice(0, length)).join('.');
}
