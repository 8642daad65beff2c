import type { BitTensor } from './bit-tensor.js';
import type { DType } from './dtype.js';
import type { Shape } from './shape.js';
import type { Tensor } from './tensor.js';

/** A tensor of any dtype, or a bit tensor. */
export type AnyTensor = Tensor<DType> | BitTensor;
type Tensors = readonly AnyTensor[];

/** Describes a tensor before its memory exists. The dtype of a BitTensor is `'bits'`. */
export interface Spec<E extends DType | 'bits' = DType | 'bits'> {
  /** The element type, or `'bits'` for a BitTensor. */
  readonly dtype: E;
  /** The sizes of the axes. */
  readonly shape: Shape;
}

type SpecOf<T> = T extends BitTensor ? Spec<'bits'> : T extends Tensor<infer D> ? Spec<D> : never;
type SpecsOf<O extends Tensors> = { readonly [K in keyof O]: SpecOf<O[K]> };

/** What a gradient rule receives besides the gradient of the output. */
export interface GradientContext<A, S extends Tensors> {
  /** The tensors that the op's `saves` returned, in that order. No other tensor of the call is still in memory. */
  readonly saved: S;
  /** The other arguments of the call. */
  readonly attributes: A;
  /** The shapes of all inputs, in order. */
  readonly inputShapes: readonly Shape[];
}

/**
 * The gradient of each input, in order: a function that is called only if the gradient is needed, or null for an input
 * that has none, such as indices. The gradient of a BitTensor is an f32 tensor of its shape: the derivative with
 * respect to the signs that it represents.
 */
export type InputGradients = readonly ((() => Tensor) | null)[];

/**
 * An operation: its shape rule, its kernels and its gradient rule. `I` and `O` are tuples of the tensors that it reads
 * and writes, `A` its other arguments, and `S` the tensors that its gradient rule reads.
 */
export interface OpDefinition<I extends Tensors, O extends Tensors, A = undefined, S extends Tensors = readonly []> {
  /** The name, for messages, profiles and exported files. */
  readonly name: string;

  /**
   * The dtypes that each input may have, in order; further inputs are like the last one. Default: all inputs are f32.
   * `apply` refuses others, since types can be circumvented, and a kernel would take the bits of an integer for a float.
   */
  readonly accepts?: readonly (readonly (DType | 'bits')[])[];

  /** The shape rule: describes the outputs. Throws `ShapeError` if the inputs do not fit. */
  outputs(inputs: I, attributes: A): SpecsOf<O>;

  /**
   * The definition: plain loops over the inputs' values that write every element of the outputs. Tests compare the
   * other kernels with it.
   */
  reference(inputs: I, outputs: O, attributes: A): void;

  /**
   * A faster CPU kernel with the same results: equal for bits and integers, equal up to rounding for floats.
   * `MOBINET_KERNELS=reference` turns it off.
   */
  fast?(inputs: I, outputs: O, attributes: A): void;

  /** The GPU kernel: enqueues work and returns without waiting for it. Absent for ops that are not needed on a GPU. */
  webgpu?(inputs: I, outputs: O, attributes: A): void;

  /** Whether the first output may overwrite the first input if both have the same shape and dtype. Default: false. */
  readonly inPlace?: boolean;

  /** The number of multiply-adds in a call, for the profiler. Absent for ops whose cost it does not describe. */
  multiplyAdds?(inputs: I, outputs: O, attributes: A): number;

  /** The scratch memory of a call on the CPU, in bytes. Absent for ops that need less of it than a tensor takes. */
  temporaryBytes?(inputs: I, outputs: O, attributes: A): number;

  /** The inputs and outputs that the gradient rule reads. Only these stay in memory until then. Default: none. */
  saves?(inputs: I, outputs: O): S;

  /**
   * The gradient rule of the first output: computes ∂L/∂(each input) from ∂L/∂(first output) with other ops. For second
   * derivatives these ops are recorded in turn, so a rule that normally calls a fused kernel uses plain ops instead if
   * `isRecording()`.
   *
   * No gradient flows through integers and bits. An f32 output without a rule is an error once a loss depends on it.
   */
  gradient?(outputGradient: Tensor, context: GradientContext<A, S>): InputGradients;

  /** The gradient rules of the further outputs, such as statistics or probabilities, in order. */
  furtherGradients?: readonly ((outputGradient: Tensor, context: GradientContext<A, S>) => InputGradients)[];
}
