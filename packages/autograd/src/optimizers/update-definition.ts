import type { Tensor } from '@mobinet/tensor/functions';
import type { F32x4 } from '@mobinet/tensor/kernels';

/** The numbers of a formula, by name: those that it declares, and the weight decay of the parameter at hand. */
export type UpdateNumbers<N extends string, V = number> = Readonly<Record<N | 'gradientDecay' | 'weightDecay', V>>;

/**
 * One step of an optimizer, as a formula for a single element. It maps the weight `w`, its gradient `g` and the values
 * in its slots to the new weight and the new values in the slots. It is written three times: as the definition, as the
 * fast kernel of the CPU, and as the kernel of a GPU; tests check the second and third against the first.
 */
export interface UpdateDefinition<N extends string> {
  /** The name of the op, in profiles and errors. */
  readonly name: string;
  /** The tensors that the optimizer keeps for each parameter, such as momentum. They have its shape, and start at 0. */
  readonly slots: readonly string[];
  /** The numbers that all parameters share in a step, such as the learning rate. */
  readonly numbers: readonly N[];
  /** The definition: from [w, g, ...slots] to the new [w, ...slots]. */
  scalar(p: UpdateNumbers<N>): (values: readonly number[]) => readonly number[];
  /**
   * The same for four elements at a time. The outer function runs once per block of elements, so it can prepare
   * constants.
   */
  lanes(p: UpdateNumbers<N, F32x4>): (values: readonly F32x4[]) => readonly F32x4[];
  /**
   * The same in WGSL: statements that read `p.<number>`, `gradientDecay` and `weightDecay`, and change the variables
   * `w`, `g` and one named after each slot.
   */
  readonly wgsl: string;
}

/** One parameter of a step. */
export interface ParameterUpdate {
  /** The parameter, its gradient, then its slots. */
  readonly tensors: readonly Tensor[];
  /** λ as L2 regularization: λ·w is added to the gradient. */
  readonly gradientDecay: number;
  /** λ as decoupled weight decay: λ·w is added to the step. */
  readonly weightDecay: number;
}
