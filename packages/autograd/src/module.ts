import { dispose, Tensor } from '@mobinet/tensor';
import type { Parameter } from './parameter.js';
import { modulesOf, parametersOf, stateOf } from './tree.js';

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
    return parametersOf(this);
  }

  /** Tensors that are saved but not trained, by name. */
  state(): Map<string, Tensor> {
    return stateOf(this);
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
