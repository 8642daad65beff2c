/// <reference lib="esnext.disposable" preserve="true" />
import {
  assign,
  checkFunction,
  checkList,
  checkNumber,
  checkOptions,
  checkRecord,
  keep,
  ShapeError,
  sameShape,
  shown,
  type Tensor,
  tidy,
  wholeNumbers,
  withBackend,
  zeros,
} from '@mobinet/tensor/functions';
import { nothingToTrain } from '../hidden.js';
import { Parameter } from '../parameter.js';
import { stepRateRange, weightDecayRange } from '../ranges.js';
import { flatten, flattenAll, type Gradients } from '../tree.js';
import type { UpdateRule } from './update.js';
import type { ParameterUpdate } from './update-definition.js';

/** The state of an optimizer, ready to be saved: the step count, and tensors named `<slot>.<parameter>`. */
export interface OptimizerState {
  /** The number of updates so far. */
  readonly step: number;
  /** The slots of each parameter, such as `velocity.classifier.weight`, of its shape. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const asItIs = (path: string, parameter: Tensor) => ({ path, parameter });

/** Weight decay is meaningless for weights of which only the signs are used. */
const notBinary = (_path: string, parameter: Tensor): boolean => !(parameter instanceof Parameter && parameter.binary);

/** Settings of some of the parameters of an optimizer: a parameter group of PyTorch. */
export interface ParameterGroup {
  /**
   * Whether a parameter belongs to this group.
   *
   * @param path Its path in the tree, such as `classifier.weight`.
   */
  matches: (path: string, parameter: Tensor) => boolean;
  /**
   * What the learning rate of the optimizer is multiplied by, 0 or more; 0 freezes the parameters. A factor, so that
   * the group follows a schedule. Default 1.
   */
  learningRateFactor?: number;
  /** λ in place of that of the optimizer. `decays` decides for this group, too. Default: that of the optimizer. */
  weightDecay?: number;
}

/** Options that all optimizers share. */
export interface OptimizerOptions {
  /** λ, 0 or more. Default 0. */
  weightDecay?: number;
  /** Whether a parameter decays. Default: all do, except binary ones. */
  decays?: (path: string, parameter: Tensor) => boolean;
  /**
   * Groups of parameters with their own settings. A parameter belongs to the first group that matches; one that none
   * matches has the settings of the optimizer. Default: none.
   */
  groups?: readonly ParameterGroup[];
}

/** The names of `OptimizerOptions`. */
export const optimizerOptions = ['weightDecay', 'decays', 'groups'] as const;

/** A parameter to be changed, its path, and its gradient. */
export interface Update {
  /** Its path in the tree, such as `classifier.weight`; empty if it is the tree itself. */
  readonly path: string;
  /** The parameter, which is changed in place. */
  readonly parameter: Tensor;
  /** ∂L/∂parameter, of the same shape. */
  readonly gradient: Tensor;
}

function checkGroups(optimizer: string, groups: readonly ParameterGroup[]): void {
  checkList(`${optimizer}: groups`, groups, '[{ matches: (path) => path.startsWith("head"), learningRateFactor: 10 }]');
  groups.forEach((group, at) => {
    const name = `${optimizer}: groups[${at}]`;
    checkOptions(name, group, ['matches', 'learningRateFactor', 'weightDecay']);
    checkFunction(`${name}.matches`, group.matches);
    checkNumber(`${name}.learningRateFactor`, group.learningRateFactor ?? 1, stepRateRange);
    checkNumber(`${name}.weightDecay`, group.weightDecay ?? 0, weightDecayRange);
  });
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
 * @example A head that learns ten times as fast as the rest
 * ```ts
 * import { SGD } from '@mobinet/autograd';
 * import { ones, zeros } from '@mobinet/tensor';
 *
 * const groups = [{ matches: (path: string) => path.startsWith('head'), learningRateFactor: 10 }];
 * const tree = { stem: { weight: zeros([1]) }, head: { weight: zeros([1]) } };
 * new SGD({ learningRate: 0.5, groups }).update(tree, { stem: { weight: ones([1]) }, head: { weight: ones([1]) } });
 * console.log(`${tree.stem.weight.values}, ${tree.head.weight.values}`);
 * // → -0.5, -5
 * ```
 */
export abstract class Optimizer {
  /**
   * Whether gradients contain the momentum already, so that the optimizer must not add its own (`momentumOf`). Processes
   * that train together then exchange both in one (1-bit Adam, Tang et al., 2021). Only for optimizers that have one; with
   * Adam, after `freezeSquaresAfter`. Default false.
   */
  hasMomentumInGradients = false;
  /**
   * Finds the parameter that an update belongs to, so that `groups` and `decays` see whole parameters where processes
   * that train together update only parts of them. Default: an update is of a whole parameter.
   */
  wholeOf: (path: string, parameter: Tensor) => { readonly path: string; readonly parameter: Tensor } = asItIs;
  #step = 0;
  readonly #tensors = new Map<string, Tensor>();
  readonly #decay: number;
  readonly #decays: (path: string, parameter: Tensor) => boolean;
  readonly #groups: readonly ParameterGroup[];
  readonly #name: string;

  /** @param name The optimizer, for messages. */
  protected constructor(
    /** η, 0 or more. May be changed between updates, for example by a schedule. */
    public learningRate: number,
    { weightDecay = 0, decays = notBinary, groups = [] }: OptimizerOptions,
    name = 'optimizer',
  ) {
    this.#name = name;
    checkNumber(`${name}: learningRate`, learningRate, stepRateRange);
    this.#decay = checkNumber(`${name}: weightDecay`, weightDecay, weightDecayRange);
    checkFunction(`${name}: decays`, decays);
    this.#decays = decays;
    checkGroups(name, groups);
    this.#groups = groups;
  }

  /**
   * Changes every parameter of `tree` in place. A parameter at several places (tied weights) changes once.
   *
   * @param tree A parameter, a module, or objects and arrays of these.
   * @param gradients As returned by `valueAndGradient` for the same tree.
   * @throws Error if a parameter has no gradient, ShapeError if its gradient has a different shape, TypeError if there
   *   are no parameters, RangeError if the learning rate is out of range. In all these cases, nothing has changed.
   */
  update<T extends object>(tree: T, gradients: Gradients<T>): void {
    checkNumber(`${this.#name}: learningRate`, this.learningRate, stepRateRange);
    const byPath = flattenAll(gradients);
    const updates = flatten(tree).map(([path, parameter]) => {
      const gradient = byPath.get(path);
      if (!gradient) {
        const remedy = 'Pass the gradients that valueAndGradient returned for these parameters.';
        throw new Error(`${this.#name}: there is no gradient for ${path || 'the parameter'}. ${remedy}`);
      }
      if (!sameShape(gradient.shape, parameter.shape)) {
        throw new ShapeError(this.#name, `the gradient of ${path || 'the parameter'} has a different shape`, [
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
   * @throws ShapeError if a tensor has another shape than that of the optimizer; TypeError or RangeError for what is no
   * state.
   */
  load(state: OptimizerState): void {
    checkRecord(`${this.#name}: state`, state);
    const { step, tensors } = state;
    checkNumber(`${this.#name}: state.step`, step, wholeNumbers(0));
    if (!(tensors instanceof Map)) {
      throw new TypeError(`${this.#name}: state.tensors must be a Map, not ${shown(tensors)}`);
    }
    this.#step = step;
    tidy(() => {
      for (const [name, tensor] of this.#tensors) if (!tensors.has(name)) assign(tensor, zeros(tensor.shape));
      for (const [name, tensor] of tensors) assign(this.#memory(name, tensor), tensor);
    });
  }

  /**
   * The momentum that the next update would add to the gradient of a parameter: `factor · tensor`.
   *
   * @param _path The path of the parameter, such as `classifier.weight`.
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
   * Runs the formula of a `defineUpdate` on parameters and the slots kept for them, once for each learning rate that
   * the groups of these parameters have.
   *
   * @param rule From `defineUpdate`.
   * @param updates The parameters and their gradients.
   * @param numbers The numbers of the formula, for a learning rate.
   * @param decoupled Whether weight decay acts on the weight itself, as in AdamW. Default false: λ·w is added to the
   *   gradient.
   */
  protected applyRule<N extends string>(
    rule: UpdateRule<N>,
    updates: readonly Update[],
    numbers: (learningRate: number) => Readonly<Record<N, number>>,
    decoupled = false,
  ): void {
    const byRate = new Map<number, ParameterUpdate[]>();
    for (const { path, parameter, gradient } of updates) {
      const { learningRate, weightDecay } = this.settingsOf(path, parameter);
      const together = byRate.get(learningRate) ?? [];
      byRate.set(learningRate, together);
      together.push({
        tensors: [parameter, gradient, ...rule.slots.map((slot) => this.slot(slot, path, parameter))],
        gradientDecay: decoupled ? 0 : weightDecay,
        weightDecay: decoupled ? weightDecay : 0,
      });
    }
    for (const [learningRate, together] of byRate) rule.run(together, numbers(learningRate));
  }

  /**
   * The tensor that this optimizer keeps for a parameter under the name `slot`, on the parameter's backend. It is 0 at
   * first.
   */
  protected slot(slot: string, path: string, parameter: Tensor): Tensor {
    const name = path === '' ? slot : `${slot}.${path}`;
    return withBackend(parameter.backend, () => this.#memory(name, parameter));
  }

  /** The learning rate and λ of a parameter: those of its group, or of the optimizer. λ is 0 if it does not decay. */
  protected settingsOf(path: string, parameter: Tensor): { learningRate: number; weightDecay: number } {
    const whole = this.wholeOf(path, parameter);
    const group = this.#groups.find(({ matches }) => matches(whole.path, whole.parameter));
    const decay = group?.weightDecay ?? this.#decay;
    return {
      learningRate: this.learningRate * (group?.learningRateFactor ?? 1),
      weightDecay: decay !== 0 && this.#decays(whole.path, whole.parameter) ? decay : 0,
    };
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
