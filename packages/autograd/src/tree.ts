import { type AnyTensor, Tensor } from '@mobinet/tensor';
import { Module } from './module.js';
import { Parameter } from './parameter.js';

/**
 * Gradients are values in the shape of their parameters: same nesting, same names.
 *
 * Parameters are a tree: an f32 tensor, a module, or arrays and records of these. In a module only `Parameter`s count;
 * elsewhere every f32 tensor does.
 */
export type Gradients<T> = T extends Tensor
  ? Tensor
  : T extends Module
    ? { [K in keyof T as NonNullable<T[K]> extends Trained | readonly Trained[] ? K : never]: Gradients<T[K]> }
    : T extends AnyTensor
      ? undefined
      : T extends object
        ? { [K in keyof T]: Gradients<T[K]> }
        : undefined;

type Trained = Parameter | Module;

/** All tensors that training changes, with their paths, in the order of the fields. */
export function flatten(tree: unknown): [path: string, tensor: Tensor][] {
  const found: [string, Tensor][] = [];
  visit(tree, '', false, (path, tensor, inModule) => {
    if (!inModule || tensor instanceof Parameter) found.push([path, tensor]);
  });
  return found;
}

/** A tree of the same nesting with each trained tensor replaced by its entry in `values`; what has none is left out. */
export function unflatten<T extends object>(tree: T, values: ReadonlyMap<string, Tensor>): Gradients<T> {
  const build = (node: unknown, path: string): unknown => {
    if (node instanceof Tensor) return values.get(path);
    if (!isContainer(node)) return undefined;
    const items: unknown[] = [];
    const fields: Record<string, unknown> = {};
    let isTrained = node instanceof Module;
    forEachChild(node, (key, child) => {
      const value = build(child, join(path, key));
      items.push(value);
      if (value === undefined) return;
      fields[key] = value;
      isTrained = true;
    });
    // Options and other records of plain values are no part of the tree.
    if (!isTrained && items.length > 0) return undefined;
    return Array.isArray(node) ? items : fields;
  };
  return build(tree, '') as Gradients<T>;
}

export function parametersOf(module: Module): Map<string, Parameter> {
  const found = new Map<string, Parameter>();
  visit(module, '', true, (path, tensor) => {
    if (tensor instanceof Parameter) found.set(path, tensor);
  });
  return found;
}

export function stateOf(module: Module): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  visit(module, '', true, (path, tensor) => {
    if (!(tensor instanceof Parameter)) found.set(path, tensor);
  });
  return found;
}

/** A module and all modules inside it. */
export function* visitModules(node: unknown): Generator<Module> {
  if (node instanceof Module) yield node;
  const children: unknown[] = [];
  forEachChild(node, (_, child) => children.push(child));
  for (const child of children) yield* visitModules(child);
}

function visit(
  node: unknown,
  path: string,
  inModule: boolean,
  found: (path: string, tensor: Tensor, inModule: boolean) => void,
): void {
  if (node instanceof Tensor) {
    if (node.dtype === 'f32') found(path, node, inModule);
    return;
  }
  const isInside = inModule || node instanceof Module;
  forEachChild(node, (key, child) => {
    if (typeof child === 'object') visit(child, join(path, key), isInside, found);
  });
}

/**
 * Fields of modules and records, items of arrays; nothing else is looked into. Every step of training walks over the network, so
 * this makes no lists of entries.
 */
function forEachChild(node: unknown, visit: (key: string, child: unknown) => void): void {
  if (!isContainer(node)) return;
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
