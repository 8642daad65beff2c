import { BitTensor, dispose, Tensor } from '@mobinet/tensor';
import { Parameter } from './parameter.js';

/**
 * A layer, or a network of layers. Its fields say what it is made of: `Parameter`s are trained, other tensors are state,
 * modules and arrays and records of modules are looked into. Names are field paths: `units.3.depthwise.norm.gamma`. What is at several
 * places (tied weights, a shared layer) is listed, saved and trained once, under the first of its paths.
 */
export abstract class Module {
  /** Whether `forward` runs as in training (batch statistics) or as in evaluation (running statistics). */
  training = true;

  abstract forward(x: Tensor): Tensor;

  /** Switches this module and all inside it to training. Returns itself. */
  train(): this {
    for (const module of modulesOf(this)) module.training = true;
    return this;
  }

  /** Switches this module and all inside it to evaluation. Returns itself. */
  eval(): this {
    for (const module of modulesOf(this)) module.training = false;
    return this;
  }

  /** Trained tensors by name, in the order of the fields. */
  parameters(): Map<string, Parameter> {
    return collect(this, true, (tensor) => tensor instanceof Parameter) as Map<string, Parameter>;
  }

  /** Tensors that are saved but not trained, by name. */
  state(): Map<string, Tensor> {
    return collect(this, true, (tensor) => !(tensor instanceof Parameter));
  }

  /** Writes each tensor's name into it, for error messages. Returns itself. */
  label(): this {
    for (const [name, tensor] of [...this.parameters(), ...this.state()]) tensor.label = name;
    return this;
  }

  /** The tree of modules, with the shapes of their tensors, one a line, as PyTorch prints it. */
  toString(): string {
    return [this.constructor.name, ...describeChildren(this, new Set())].join('\n');
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /** Frees all parameters and state. */
  dispose(): void {
    dispose([...this.parameters().values(), ...this.state().values()]);
  }
}

/** A line for each field of a module, or of a list or record of modules. What has been listed before, a tied layer say, is not taken apart again. */
function describeChildren(node: object, seen: Set<object>): string[] {
  if (seen.has(node)) return [];
  seen.add(node);
  return Object.entries(node).flatMap(([name, child]: [string, unknown]) => {
    if (child instanceof Tensor) return `  ${name} [${child.shape.join(', ')}]`;
    if (typeof child !== 'object' || child === null) return [];
    const below = describeChildren(child, seen).map((line) => `  ${line}`);
    if (child instanceof Module) return [`  ${name}: ${child.constructor.name}`, ...below];
    return below.length > 0 ? [`  ${name}:`, ...below] : [];
  });
}

/** All modules of a tree, each once: those outside before those inside. */
export function modulesOf(tree: unknown): Module[] {
  return walk(tree, false);
}

/** The f32 tensors that count, each under the first of its paths. */
export function collect(
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
export function walk(
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

/** An object that is no part of a tree of parameters, such as a Map, and where it stands. */
interface Stranger {
  readonly path: string;
  readonly node: object;
  /** Whether a module is around it: then only `Parameter`s count, else all f32 tensors. */
  readonly inModule: boolean;
}

/**
 * @param listed The modules and tensors that the tree has at other places.
 * @throws TypeError if the stranger holds parameters that the tree has not.
 */
function refuseHidden({ path, node, inModule }: Stranger, listed: ReadonlySet<object>): void {
  const seen = new Set<unknown>();
  const holdsHidden = (inside: unknown): boolean => {
    if (typeof inside !== 'object' || inside === null || ArrayBuffer.isView(inside) || seen.has(inside)) return false;
    seen.add(inside);
    if (inside instanceof Module) return !listed.has(inside);
    if (inside instanceof Tensor) {
      return inside.dtype === 'f32' && (!inModule || inside instanceof Parameter) && !listed.has(inside);
    }
    if (inside instanceof BitTensor) return false;
    if (inside instanceof Map) return [...inside].flat().some(holdsHidden);
    return (inside instanceof Set ? [...inside] : Object.values(inside)).some(holdsHidden);
  };
  if (!holdsHidden(node)) return;
  const kind = node.constructor?.name ?? 'Object';
  const where = path === '' ? `the parameters are a ${kind}` : `${path} is a ${kind} that holds parameters`;
  const isCollection = node instanceof Map || node instanceof Set;
  const remedy = isCollection ? 'Use a record or an array.' : `Let ${kind} extend Module, or use a record.`;
  throw new TypeError(`${where}, and training does not look into it. ${remedy}`);
}

/**
 * Fields of modules and records, items of arrays; nothing else is looked into. Every step of training walks over the network, so
 * this makes no lists of entries.
 */
export function forEachChild(node: object, visit: (key: string, child: unknown) => void): void {
  const fields = node as Record<string, unknown>;
  for (const key of Object.keys(fields)) visit(key, fields[key]);
}

export function isContainer(node: unknown): node is object {
  if (typeof node !== 'object' || node === null) return false;
  const prototype: unknown = Object.getPrototypeOf(node);
  const isRecord = prototype === Object.prototype || prototype === null;
  return isRecord || Array.isArray(node) || node instanceof Module;
}

export const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
