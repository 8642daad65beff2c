import { type AnyTensor, Tensor } from '@mobinet/tensor/functions';
import { type AnyModule, collect, forEachChild, isContainer, join, Module, walk } from './module.js';
import { Parameter } from './parameter.js';

/**
 * The gradients of a tree of parameters: a tree with the same nesting and names.
 *
 * A tree of parameters is an f32 tensor, a module, or arrays and records of these. In a module only `Parameter`s count;
 * elsewhere every f32 tensor does. A tensor at several places (tied weights) is one parameter: it is listed under the
 * first of its paths, and its gradient, the sum over all its uses, is at each of them.
 */
export type Gradients<T> = T extends Tensor
  ? Tensor
  : T extends AnyModule
    ? {
        [K in keyof T as NonNullable<T[K]> extends Trained | readonly Trained[] | { readonly [name: string]: Trained }
          ? K
          : never]: Gradients<T[K]>;
      }
    : T extends AnyTensor
      ? undefined
      : T extends object
        ? { [K in keyof T]: Gradients<T[K]> }
        : undefined;

type Trained = Parameter | AnyModule;

/**
 * Lists all tensors that training changes, each once, with their paths, in the order of the fields.
 *
 * @param tree An f32 tensor, a module, or arrays and records of these: see `Gradients`.
 * @throws TypeError if there are parameters in a Map, a Set, or an instance of a class that is not a Module: these are
 *   not searched.
 * @example
 * ```ts
 * import { flatten, Linear } from '@mobinet/autograd';
 * import { Rng, scalar } from '@mobinet/tensor';
 *
 * const tree = { layers: [new Linear(2, 3, { rng: Rng.fromSeed(0) })], temperature: scalar(1) };
 * console.log(flatten(tree).map(([path, { shape }]) => `${path} [${shape}]`).join(', '));
 * // → layers.0.weight [3,2], layers.0.bias [3], temperature []
 * ```
 */
export function flatten(tree: unknown): [path: string, tensor: Tensor][] {
  return [...collect(tree, false, isTrained)];
}

/** Like `flatten`, but lists a tensor at several places under each of its paths. Gradients are looked up this way. */
export function flattenAll(tree: unknown): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  walk(tree, false, (path, tensor, inModule) => {
    if (isTrained(tensor, inModule)) found.set(path, tensor);
  });
  return found;
}

/**
 * Builds a tree with the same nesting, in which each trained tensor is replaced by its entry in `values`, or left out
 * if it has none. It is the inverse of `flatten`.
 *
 * @param tree The tree whose nesting the result gets.
 * @param values Tensors by the paths that `flatten` lists.
 * @example
 * ```ts
 * import { flatten, unflatten } from '@mobinet/autograd';
 * import { mul, tensor } from '@mobinet/tensor';
 *
 * const tree = { a: tensor([1]), nested: { b: tensor([2]) } };
 * const doubled = unflatten(tree, new Map(flatten(tree).map(([path, x]) => [path, mul(x, 2)])));
 * console.log(`${doubled.a.values} ${doubled.nested.b.values}`);
 * // → 2 4
 * ```
 */
export function unflatten<T extends object>(tree: T, values: ReadonlyMap<string, Tensor>): Gradients<T> {
  // A tensor or module at several places has one value, under the first of its paths.
  const known = new Map<object, unknown>();
  const build = (node: unknown, path: string, inModule: boolean): unknown => {
    if (node instanceof Tensor) {
      if (!isTrained(node, inModule)) return undefined;
      if (!known.has(node) && values.has(path)) known.set(node, values.get(path));
      return known.get(node);
    }
    if (!isContainer(node)) return undefined;
    if (known.has(node)) return known.get(node);
    const items: unknown[] = [];
    const fields: Record<string, unknown> = {};
    const isModule = node instanceof Module;
    let isTree = isModule;
    if (isModule) known.set(node, fields);
    forEachChild(node, (key, child) => {
      const value = build(child, join(path, key), inModule || isModule);
      items.push(value);
      if (value === undefined) return;
      fields[key] = value;
      isTree = true;
    });
    // Options and other records of plain values are not part of the tree.
    if (!isTree && items.length > 0) return undefined;
    return Array.isArray(node) ? items : fields;
  };
  return build(tree, '', false) as Gradients<T>;
}

const isTrained = (tensor: Tensor, inModule: boolean): boolean =>
  tensor.dtype === 'f32' && (!inModule || tensor instanceof Parameter);
