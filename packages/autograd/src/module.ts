/// <reference lib="esnext.disposable" preserve="true" />
import { BitTensor, dispose, Tensor } from '@mobinet/tensor/functions';
import { withHelp } from '@mobinet/tensor/kernels';
import { Parameter } from './parameter.js';

/**
 * A layer, or a network of layers. Its public fields say what it consists of: `Parameter`s are trained, other tensors
 * are state, and modules are searched in turn, as are arrays and records of these. Names are field paths, such as
 * `units.3.depthwise.norm.gamma`. A tensor or module at several places (tied weights, a shared layer) is listed, saved
 * and trained once, under the first of its paths.
 *
 * `forward` takes one f32 tensor and returns one unless the type arguments say otherwise: `A` are the types of its
 * arguments, `R` is that of its result.
 *
 * @example
 * ```ts
 * import { Linear, Module, ReLU } from '@mobinet/autograd';
 * import { ones, Rng, type Tensor, tidy } from '@mobinet/tensor';
 *
 * class Perceptron extends Module {
 *   readonly hidden: Linear;
 *   readonly output: Linear;
 *   readonly activation = new ReLU();
 *
 *   constructor(rng: Rng) {
 *     super();
 *     this.hidden = new Linear(2, 8, { rng });
 *     this.output = new Linear(8, 3, { rng });
 *   }
 *
 *   override forward(x: Tensor): Tensor {
 *     return tidy(() => this.output.forward(this.activation.forward(this.hidden.forward(x))));
 *   }
 * }
 * const network = new Perceptron(Rng.fromSeed(0));
 * console.log(`${network.forward(ones([5, 2])).shape}`);
 * console.log([...network.parameters().keys()].join(' '));
 * // → 5,3
 * // → hidden.weight hidden.bias output.weight output.bias
 * ```
 * @example A module of two inputs that returns a record
 * ```ts
 * import { Module } from '@mobinet/autograd';
 * import { sub, type Tensor, tensor } from '@mobinet/tensor';
 *
 * class Compare extends Module<[a: Tensor, b: Tensor], { difference: Tensor }> {
 *   override forward(a: Tensor, b: Tensor) {
 *     return { difference: sub(a, b) };
 *   }
 * }
 * console.log(`${new Compare().forward(tensor([5]), tensor([3])).difference.values}`);
 * // → 2
 * ```
 */
export abstract class Module<A extends readonly unknown[] = [x: Tensor], R = Tensor> {
  /**
   * Whether `forward` runs in training mode (batch statistics) or in evaluation mode (running statistics). Default
   * true.
   */
  training = true;

  /**
   * Computes the output of the layer or network. The arguments, the result and their shapes are those of the subclass.
   * The caller frees the result.
   */
  abstract forward(...args: A): R;

  /** Switches this module and all modules in it to training mode. Returns itself. */
  train(): this {
    for (const module of modulesOf(this)) module.training = true;
    return this;
  }

  /** Switches this module and all modules in it to evaluation mode. Returns itself. */
  eval(): this {
    for (const module of modulesOf(this)) module.training = false;
    return this;
  }

  /** The parameters by name, in the order of the fields. */
  parameters(): Map<string, Parameter> {
    return collect(this, true, (tensor) => tensor instanceof Parameter) as Map<string, Parameter>;
  }

  /** The f32 tensors that are saved but not trained, such as running statistics, by name. */
  state(): Map<string, Tensor> {
    return collect(this, true, (tensor) => !(tensor instanceof Parameter));
  }

  /** Gives each parameter and state tensor its name as a label, for error messages. Returns itself. */
  label(): this {
    for (const [name, tensor] of [...this.parameters(), ...this.state()]) tensor.label = name;
    return this;
  }

  /** The tree of modules and the shapes of their tensors, one per line, much like PyTorch prints it. */
  toString(): string {
    return [this.constructor.name, ...describeChildren(this, new Set())].join('\n');
  }

  /** What `console.log` prints in Node: the same as `toString`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /** Frees all parameters and state, and tensors of integers in its fields. */
  dispose(): void {
    const tensors = new Set<Tensor>();
    walk(this, true, (_path, tensor) => tensors.add(tensor));
    dispose(tensors);
  }

  /** Lets `using network = new Linear(2, 3, { rng })` free the network at the end of the enclosing block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * A module with a `forward` of any arguments and any result: the type of what works with every module, such as
 * `saveState`.
 */
export type AnyModule = Module<readonly unknown[], unknown>;

/**
 * One line for each field of a module, or of an array or record of modules. A layer that was listed before (a tied one)
 * is not expanded again.
 */
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

/**
 * Lists all modules of a tree, each once, a module before those inside it.
 *
 * @param tree A module, or arrays and records of modules.
 * @throws TypeError if there are parameters in a Map, a Set, or an instance of a class that is not a Module: these are
 *   not searched.
 * @example
 * ```ts
 * import { Linear, ReLU, Sequential } from '@mobinet/autograd';
 * import { modulesOf } from '@mobinet/autograd/kernels';
 * import { Rng } from '@mobinet/tensor';
 *
 * const network = new Sequential(new Linear(2, 3, { rng: Rng.fromSeed(0) }), new ReLU());
 * console.log(modulesOf(network).map((module) => module.constructor.name).join(' '));
 * // → Sequential Linear ReLU
 * ```
 */
export function modulesOf(tree: unknown): AnyModule[] {
  return walk(tree, false);
}

/** Collects the f32 tensors for which `counts` is true, each under the first of its paths. */
export function collect(
  tree: unknown,
  inModule: boolean,
  counts: (tensor: Tensor, inModule: boolean) => boolean,
): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const named = new Set<Tensor>();
  walk(tree, inModule, (path, tensor, isInside) => {
    if (tensor.dtype !== 'f32' || named.has(tensor) || !counts(tensor, isInside)) return;
    if (found.has(path)) throw new TypeError(`two parameters are named ${path}: field names must not contain dots`);
    named.add(tensor);
    found.set(path, tensor);
  });
  return found;
}

/**
 * Walks over a tree, calls `found` for each tensor, and returns the modules. A module at several places, or inside
 * itself, is visited once, at the first of them.
 */
export function walk(
  tree: unknown,
  inModule: boolean,
  found?: (path: string, tensor: Tensor, inModule: boolean) => void,
): AnyModule[] {
  const modules: AnyModule[] = [];
  const listed = new Set<object>();
  /** The containers around the current node. The gradients of a module inside itself are a record inside itself. */
  const ancestors = new Set<object>();
  const foreign: ForeignObject[] = [];
  const visit = (node: unknown, path: string, inModule: boolean): void => {
    if (typeof node !== 'object' || node === null) return;
    if (node instanceof Tensor) {
      listed.add(node);
      found?.(path, node, inModule);
    } else if (!isContainer(node)) {
      foreign.push({ path, node, inModule });
    } else {
      const isModule = node instanceof Module;
      if (listed.has(node) || ancestors.has(node)) return;
      if (isModule) {
        listed.add(node);
        modules.push(node);
      }
      ancestors.add(node);
      forEachChild(node, (key, child) => visit(child, join(path, key), inModule || isModule));
      ancestors.delete(node);
    }
  };
  visit(tree, '', inModule);
  for (const object of foreign) refuseHidden(object, listed);
  return modules;
}

/** An object that is not part of a tree of parameters, such as a Map. */
interface ForeignObject {
  readonly path: string;
  readonly node: object;
  /** Whether it is inside a module. Then only `Parameter`s count, otherwise all f32 tensors. */
  readonly inModule: boolean;
}

/**
 * @param listed The modules and tensors of the tree.
 * @throws TypeError if the foreign object holds parameters that are not listed.
 */
function refuseHidden({ path, node, inModule }: ForeignObject, listed: ReadonlySet<object>): void {
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
  throw new TypeError(withHelp(`${where}, and training does not look into it. ${remedy}`, 'missing-parameters'));
}

/**
 * Visits the fields of a module or record, or the items of an array. Every training step walks over the network, so
 * this allocates no entries.
 */
export function forEachChild(node: object, visit: (key: string, child: unknown) => void): void {
  const fields = node as Record<string, unknown>;
  for (const key of Object.keys(fields)) visit(key, fields[key]);
}

/** Whether a walk descends into a node: it does for modules, arrays and plain records. */
export function isContainer(node: unknown): node is object {
  if (typeof node !== 'object' || node === null) return false;
  const prototype: unknown = Object.getPrototypeOf(node);
  const isRecord = prototype === Object.prototype || prototype === null;
  return isRecord || Array.isArray(node) || node instanceof Module;
}

/** The path of a field in a container. */
export const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
