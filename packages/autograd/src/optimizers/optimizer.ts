/// <reference lib="esnext.disposable" preserve="true" />
import {
  assign,
  checkFunction,
  checkNumber,
  keep,
  ShapeError,
  sameShape,
  type Tensor,
  tidy,
  withBackend,
  zeros,
} from '@mobinet/tensor/functions';
import { nothingToTrain } from '../hidden.js';
import { Parameter } from '../parameter.js';
import { stepRateRange, weightDecayRange } from '../ranges.js';
import { flatten, flattenAll, type Gradients } from '../tree.js';
import type { UpdateRule } from './update.js';

/** The state of an optimizer, ready to be saved: the step count, and tensors named `<slot>.<parameter>`. */
export interface OptimizerState {
  /** The number of updates so far. */
  readonly step: number;
  /** The slots of each parameter, such as `velocity.classifier.weight`, of its shape. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Weight decay is meaningless for weights of which only the signs are used. */
const notBinary = (_path: string, parameter: Tensor): boolean => !(parameter instanceof Parameter && parameter.binary);

/** Options that all optimizers share. */
export interface WeightDecayOptions {
  /** λ, 0 or more. Default 0. */
  weightDecay?: number;
  /** Whether a parameter decays. Default: all do, except binary ones. */
  decays?: (path: string, parameter: Tensor) => boolean;
}

/** The names of `WeightDecayOptions`. */
export const weightDecayOptions = ['weightDecay', 'decays'] as const;

/** A parameter to be changed, its path, and its gradient. */
export interface Update {
  /** Its path in the tree, such as `classifier.weight`; empty if it is the tree itself. */
  readonly path: string;
  /** The parameter, which is changed in place. */
  readonly parameter: Tensor;
  /** ∂L/∂parameter, of the same shape. */
  readonly gradient: Tensor;
}

/**
 * The base class of optimizers, which update parameters in place from their gradients. Subclasses define the update;
 * this class keeps their state (moments, by slot and parameter name) and the step count.
 *
 * @example An optimizer of your own
 * ```ts
 * import { gradient, Optimizer, type Update } from '@mobinet/autograd';
 * import { assign, mul, sign, square, sub, sum, type Tensor, tensor, tidy } from '@mobinet/tensor';
 *
 * // signSGD: w ← w − η·sign(g).
 * class SignSGD extends Optimizer {
 *   constructor(learningRate: number) {
 *     super(learningRate, {});
 *   }
 *
 *   protected override updateAll(updates: readonly Update[]): void {
 *     for (const { parameter: w, gradient: g } of updates) {
 *       tidy(() => assign(w, sub(w, mul(sign(g), this.learningRate))));
 *     }
 *   }
 * }
 * const w = tensor([1, -3]);
 * new SignSGD(0.5).update(w, gradient((w: Tensor) => sum(square(w)))(w));
 * console.log(`${w.values}`);
 * // → 0.5,-2.5
 * ```
 */
export abstract class Optimizer {
  /**
   * Whether gradients contain the momentum already, so that the optimizer must not add its own (`momentumOf`). Processes
   * that train together then exchange both in one (1-bit Adam, Tang et al., 2021). Only for optimizers that have one; with
   * Adam, after `freezeSquaresAfter`. Default false.
   */
  hasMomentumInGradients = false;
  #step = 0;
  readonly #tensors = new Map<string, Tensor>();
  readonly #decay: number;
  readonly #decays: (path: string, parameter: Tensor) => boolean;

  protected constructor(
    /** η, 0 or more. May be changed between updates, for example by a schedule. */
    public learningRate: number,
    { weightDecay = 0, decays = notBinary }: WeightDecayOptions,
  ) {
    checkNumber('optimizer: learningRate', learningRate, stepRateRange);
    this.#decay = checkNumber('optimizer: weightDecay', weightDecay, weightDecayRange);
    checkFunction('optimizer: decays', decays);
    this.#decays = decays;
  }

  /**
   * Changes every parameter of `tree` in place. A parameter at several places (tied weights) changes once.
   *
   * @param gradients As returned by `valueAndGradient` for the same tree.
   * @throws Error if a parameter has no gradient, ShapeError if its gradient has a different shape, TypeError if there
   *   are no parameters, RangeError if the learning rate is out of range. In all these cases, nothing has changed.
   */
  update<T extends object>(tree: T, gradients: Gradients<T>): void {
    checkNumber('optimizer: learningRate', this.learningRate, stepRateRange);
    const byPath = flattenAll(gradients);
    const updates = flatten(tree).map(([path, parameter]) => {
      const gradient = byPath.get(path);
      if (!gradient) throw new Error(`optimizer: there is no gradient for ${path || 'the parameter'}`);
      if (!sameShape(gradient.shape, parameter.shape)) {
        throw new ShapeError('optimizer', `the gradient of ${path || 'the parameter'} has a different shape`, [
          { name: 'parameter', shape: parameter.shape },
          { name: 'gradient', shape: gradient.shape },
        ]);
      }
      return { path, parameter, gradient };
    });
    if (updates.length === 0) throw nothingToTrain(tree);
    this.#step++;
    this.updateAll(updates);
  }

  /** The number of updates so far. */
  get step(): number {
    return this.#step;
  }

  /** The current state, to be saved. Its tensors are those of the optimizer, not copies. */
  get state(): OptimizerState {
    return { step: this.#step, tensors: this.#tensors };
  }

  /**
   * Restores a saved state by copying its tensors. Tensors that the saved state lacks are set to 0.
   *
   * @throws ShapeError if a tensor has another shape than that of the optimizer.
   */
  load({ step, tensors }: OptimizerState): void {
    this.#step = step;
    tidy(() => {
      for (const [name, tensor] of this.#tensors) if (!tensors.has(name)) assign(tensor, zeros(tensor.shape));
      for (const [name, tensor] of tensors) assign(this.#memory(name, tensor), tensor);
    });
  }

  /**
   * The momentum that the next update would add to the gradient of a parameter: `factor · tensor`.
   *
   * @param path The path of the parameter, such as `classifier.weight`.
   * @returns null if there is none, or none yet. The tensor is that of the optimizer, not a copy.
   */
  momentumOf(_path: string): { readonly tensor: Tensor; readonly factor: number } | null {
    return null;
  }

  /** Frees the tensors of the state. */
  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }

  /** Lets `using` free the state at the end of the enclosing block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Performs one step. `step` counts it already, so it is 1 in the first one. */
  protected abstract updateAll(updates: readonly Update[]): void;

  /**
   * Runs the formula of a `defineUpdate` on parameters and the slots kept for them.
   *
   * @param decoupled Whether weight decay acts on the weight itself, as in AdamW. Default false: λ·w is added to the
   *   gradient.
   */
  protected applyRule<N extends string>(
    rule: UpdateRule<N>,
    updates: readonly Update[],
    numbers: Readonly<Record<N, number>>,
    decoupled = false,
  ): void {
    const parameters = updates.map(({ path, parameter, gradient }) => {
      const slots = rule.slots.map((slot) => this.slot(slot, path, parameter));
      const decay = this.weightDecayFor(path, parameter);
      return {
        tensors: [parameter, gradient, ...slots],
        gradientDecay: decoupled ? 0 : decay,
        weightDecay: decoupled ? decay : 0,
      };
    });
    rule.run(parameters, numbers);
  }

  /**
   * The tensor that this optimizer keeps for a parameter under the name `slot`, on the parameter's backend. It is 0 at
   * first.
   */
  protected slot(slot: string, path: string, parameter: Tensor): Tensor {
    const name = path === '' ? slot : `${slot}.${path}`;
    return withBackend(parameter.backend, () => this.#memory(name, parameter));
  }

  /** λ of a parameter; 0 if it does not decay. */
  protected weightDecayFor(path: string, parameter: Tensor): number {
    return this.#decay !== 0 && this.#decays(path, parameter) ? this.#decay : 0;
  }

  #memory(name: string, { shape }: Tensor): Tensor {
    let tensor = this.#tensors.get(name);
    if (!tensor) {
      tensor = keep(zeros(shape));
      this.#tensors.set(name, tensor);
    }
    return tensor;
  }
}
