import { type AnyTensor, Tensor } from '@mobinet/tensor';
import { refuseHidden, type Stranger } from './hidden.js';
import { Module } from './module.js';
import { Parameter } from './parameter.js';

/**
 * Gradients are values in the shape of their parameters: same nesting, same names.
 *
 * Parameters are a tree: an f32 tensor, a module, or arrays and records of these. In a module only `Parameter`s count;
 * elsewhere every f32 tensor does. One that stands at several places (tied weights) is one parameter: it is listed under the first
 * of its paths, and its gradient, the sum over all its uses, stands at each of them.
 */
export type Gradients<T> = T extends Tensor
  ? Tensor
  : T extends Module
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

type Trained = Parameter | Module;

/**
 * All tensors that training changes, each once, with their paths, in the order of the fields.
 *
 * @throws TypeError for parameters in what is not looked into: a Map, a Set, or an instance of a class that is no Module.
 */
export function flatten(tree: unknown): [path: string, tensor: Tensor][] {
  return [...collect(tree, false, isTrained)];
}

/** Like `flatten`, but a tensor at several places is listed at each of them: what gradients are looked up in. */
export function flattenAll(tree: unknown): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  walk(tree, false, (path, tensor, inModule) => {
    if (isTrained(tensor, inModule)) found.set(path, tensor);
  });
  return found;
}

/** A tree of the same nesting with each trained tensor replaced by its entry in `values`; what has none is left out. */
export function unflatten<T extends object>(tree: T, values: ReadonlyMap<string, Tensor>): Gradients<T> {
  // What stands at several places has one value, under the first of its paths.
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
    // Options and other records of plain values are no part of the tree.
    if (!isTree && items.length > 0) return undefined;
    return Array.isArray(node) ? items : fields;
  };
  return build(tree, '', false) as Gradients<T>;
}

export function parametersOf(module: Module): Map<string, Parameter> {
  return collect(module, true, (tensor) => tensor instanceof Parameter) as Map<string, Parameter>;
}

export function stateOf(module: Module): Map<string, Tensor> {
  return collect(module, true, (tensor) => !(tensor instanceof Parameter));
}

/** All modules of a tree, each once: those outside before those inside. */
export function modulesOf(tree: unknown): Module[] {
  return walk(tree, false);
}

const isTrained = (tensor: Tensor, inModule: boolean): boolean =>
  tensor.dtype === 'f32' && (!inModule || tensor instanceof Parameter);

/** The f32 tensors that count, each under the first of its paths. */
function collect(
  tree: unknown,
  inModule: boolean,
  counts: (tensor: Tensor, inModule: boolean) => boolean,
): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const named = new Set<Tensor>();
  walk(tree, inModule, (path, tensor, isInside) => {
    if (tensor.dtype !== 'f32' || named.has(tensor) || !counts(tensor, isInside)) return;
    if (found.has(path)) throw new TypeError(`two parameters are named ${path}: names must not have dots in them`);
    named.add(tensor);
    found.set(path, tensor);
  });
  return found;
}

/**
 * Goes through a tree once, and returns the modules it has come by. A module at several places, or inside itself, is gone through
 * at the first of them.
 */
function walk(
  tree: unknown,
  inModule: boolean,
  found?: (path: string, tensor: Tensor, inModule: boolean) => void,
): Module[] {
  const modules: Module[] = [];
  const listed = new Set<object>();
  /** The containers around the node: gradients of a module inside itself are a record inside itself. */
  const around = new Set<object>();
  const strangers: Stranger[] = [];
  const visit = (node: unknown, path: string, inModule: boolean): void => {
    if (typeof node !== 'object' || node === null) return;
    if (node instanceof Tensor) {
      listed.add(node);
      found?.(path, node, inModule);
    } else if (!isContainer(node)) {
      strangers.push({ path, node, inModule });
    } else {
      const isModule = node instanceof Module;
      if (listed.has(node) || around.has(node)) return;
      if (isModule) {
        listed.add(node);
        modules.push(node);
      }
      around.add(node);
      forEachChild(node, (key, child) => visit(child, join(path, key), inModule || isModule));
      around.delete(node);
    }
  };
  visit(tree, '', inModule);
  for (const stranger of strangers) refuseHidden(stranger, listed);
  return modules;
}

/**
 * Fields of modules and records, items of arrays; nothing else is looked into. Every step of training walks over the network, so
 * this makes no lists of entries.
 */
function forEachChild(node: object, visit: (key: string, child: unknown) => void): void {
  const fields = node as Record<string, unknown>;
  for (const key of Object.keys(fields)) visit(key, fields[key]);
}

function isContainer(node: unknown): node is object {
  if (typeof node !== 'object' || node === null) return false;
  const prototype: unknown = Object.getPrototypeOf(node);
  const isRecord = prototype === Object.prototype || prototype === null;
  return isRecord || Array.isArray(node) || node instanceof Module;
}

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
