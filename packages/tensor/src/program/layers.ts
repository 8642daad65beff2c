import { withoutMemory } from '../absent.js';
import { emptyFrom } from '../op.js';
import { tidy } from '../scope.js';
import type { Call, Program } from './program.js';

/** Consecutive calls of a program that belong together: a convolution or matrix product, and the ops on its result. */
export interface Layer {
  /**
   * The common path of its constants' labels: `stem` for `stem.conv.weight` and `stem.norm.shift`. Labels that have more
   * in common with the weights of the next layer do not count.
   */
  readonly name: string;
  /** The index of its first call. */
  readonly from: number;
  /** The index after its last call. */
  readonly to: number;
}

/**
 * Divides a program into layers with unique names. Each layer starts with a call that has weights. Calls before the
 * first of these belong to the first layer.
 *
 * @param program A traced program, fused or not.
 *
 * @example
 * ```ts
 * import { matmul, ones, relu, type Tensor } from '@mobinet/tensor';
 * import { disposeProgram, layersOf, trace } from '@mobinet/tensor/kernels';
 *
 * const [first, second] = ['stem.weight', 'head.weight'].map((label) => Object.assign(ones([4, 4]), { label }));
 * const program = trace((x) => matmul(relu(matmul(x as Tensor, first)), second), [{ dtype: 'f32', shape: [1, 4] }]);
 * console.log(
 *   layersOf(program)
 *     .map(({ name, from, to }) => `${name}: calls ${from} to ${to - 1}`)
 *     .join('; '),
 * );
 * // → stem: calls 0 to 1; head: calls 2 to 2
 * disposeProgram(program);
 * ```
 */
export function layersOf({ values, constants, calls }: Program): Layer[] {
  const labelsOf = (calls: readonly Call[]): string[] =>
    calls.flatMap(({ inputs }) => inputs.flatMap((at) => (constants.has(at) ? (values[at].name ?? []) : [])));
  const isWeighted = (call: Call): boolean =>
    call.kind === 'op' && call.op.multiplyAdds !== undefined && call.inputs.some((input) => constants.has(input));
  const starts = calls.flatMap((call, at) => (isWeighted(call) ? at : []));
  const boundaries = [0, ...starts.slice(1), calls.length];
  const used = new Map<string, number>();
  return boundaries.slice(1).map((to, index) => {
    const layerCalls = calls.slice(boundaries[index], to);
    const own = labelsOf(layerCalls.filter(isWeighted));
    const next = to < calls.length ? labelsOf([calls[to]]) : [];
    // The last ops may prepare the input of the next layer, with constants of that layer: a shift before signs, say.
    const labels = labelsOf(layerCalls).filter((label) => closeness(label, next) <= closeness(label, own));
    const name = commonPath(labels) || commonPath(own) || `layer.${index}`;
    // A second call with the same weights is another layer.
    const times = (used.get(name) ?? 0) + 1;
    used.set(name, times);
    return { name: times === 1 ? name : `${name}.${times}`, from: boundaries[index], to };
  });
}

/**
 * Returns, for each call of a program, the name of its layer.
 *
 * @example
 * ```ts
 * import { matmul, ones, relu, type Tensor } from '@mobinet/tensor';
 * import { disposeProgram, layerNames, trace } from '@mobinet/tensor/kernels';
 *
 * const weight = Object.assign(ones([4, 4]), { label: 'head.weight' });
 * const program = trace((x) => relu(matmul(x as Tensor, weight)), [{ dtype: 'f32', shape: [1, 4] }]);
 * console.log(`${layerNames(program)}`);
 * // → head,head
 * disposeProgram(program);
 * ```
 */
export function layerNames(program: Program): string[] {
  return layersOf(program).flatMap(({ name, from, to }) => new Array<string>(to - from).fill(name));
}

/**
 * The common prefix of dotted paths without their last parts: `units.0` for `units.0.signs` and `units.0.lines`. Null
 * if there are no paths.
 */
export function commonPath(names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const [first, ...others] = names.map((name) => name.split('.').slice(0, -1));
  const length = first.findIndex((part, at) => others.some((path) => path[at] !== part));
  return (length < 0 ? first : first.slice(0, length)).join('.');
}

/** The length of the path that a label has in common with others; 0 if there are no others. */
const closeness = (label: string, others: readonly string[]): number =>
  others.length > 0 ? commonPath([label, ...others])!.length : 0;

/**
 * Returns the number of multiply-adds in a call of a program; 0 for ops that do not count them.
 *
 * @param program The program.
 * @param call A call of it.
 *
 * @example
 * ```ts
 * import { matmul, ones, type Tensor } from '@mobinet/tensor';
 * import { disposeProgram, multiplyAddsOf, trace } from '@mobinet/tensor/kernels';
 *
 * const weight = ones([4, 10]);
 * const program = trace((x) => matmul(x as Tensor, weight), [{ dtype: 'f32', shape: [2, 4] }]);
 * console.log(multiplyAddsOf(program, program.calls[0])); // 2 · 4 · 10
 * // → 80
 * disposeProgram(program);
 * ```
 */
export function multiplyAddsOf({ values }: Program, call: Call): number {
  if (call.kind === 'view' || !call.op.multiplyAdds) return 0;
  const { op, inputs, outputs, attributes } = call;
  return withoutMemory(() =>
    tidy(() => {
      const [from, to] = [inputs, outputs].map((indices) => indices.map((at) => emptyFrom(values[at])));
      return op.multiplyAdds!(from, to, attributes);
    }),
  );
}
