import { dispose, type Tensor } from '@mobinet/tensor';
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

  /** Frees all parameters and state. */
  dispose(): void {
    dispose([...this.parameters().values(), ...this.state().values()]);
  }
}
