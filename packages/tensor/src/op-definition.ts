import type { BitTensor } from './bit-tensor.js';
import type { DType } from './dtype.js';
import type { Shape } from './shape.js';
import type { Tensor } from './tensor.js';

export type AnyTensor = Tensor<DType> | BitTensor;
type Tensors = readonly AnyTensor[];

/** What an output will be, before its memory exists: a dtype, or `'bits'` for a BitTensor. */
export interface Spec<E extends DType | 'bits' = DType | 'bits'> {
  readonly dtype: E;
  readonly shape: Shape;
}

type SpecOf<T> = T extends BitTensor ? Spec<'bits'> : T extends Tensor<infer D> ? Spec<D> : never;
type SpecsOf<O extends Tensors> = { readonly [K in keyof O]: SpecOf<O[K]> };

/** What a gradient rule may look at. */
export interface GradientContext<A, S extends Tensors> {
  /** The tensors that the op's `saves` named, in its order. Nothing else is still in memory. */
  readonly saved: S;
  readonly attributes: A;
  readonly inputShapes: readonly Shape[];
}

/**
 * How to make the gradient of each input, in order: a function, called only if that gradient is wanted,
 * or null for an input that has none (indices, say). The gradient of a BitTensor is an f32 tensor of its
 * shape: the derivative by the signs it stands for.
 */
export type InputGradients = readonly ((() => Tensor) | null)[];

/**
 * The whole story of one operation. `I` and `O` are tuples of the tensors it reads and writes, `A` its other
 * arguments, `S` the tensors that its gradient rule needs again.
 */
export interface OpDefinition<I extends Tensors, O extends Tensors, A = undefined, S extends Tensors = readonly []> {
  readonly name: string;

  /** The shape rule: what the outputs will be. Throws `ShapeError` for inputs that do not fit. */
  outputs(inputs: I, attributes: A): SpecsOf<O>;

  /**
   * The definition: plain loops over the inputs' values that write every element of the outputs.
   * Fast kernels are held to it by tests.
   */
  reference(inputs: I, outputs: O, attributes: A): void;

  /** A faster way to the same numbers (exactly for bits, to rounding for floats). `MOBINET_KERNELS=reference` turns it off. */
  fast?(inputs: I, outputs: O, attributes: A): void;

  /** The same on a GPU: asks for kernels, and does not wait. Absent where no GPU has to do it. */
  webgpu?(inputs: I, outputs: O, attributes: A): void;

  /** Whether the first output may be written over the first input, where both have one shape and one dtype. Default: it may not. */
  readonly inPlace?: boolean;

  /** How many multiply-adds a call takes, for the profiler. Absent where that is no measure of its work. */
  multiplyAdds?(inputs: I, outputs: O, attributes: A): number;

  /** What the CPU takes for a call beside its inputs and outputs, in bytes, where that is as much as a tensor or more. */
  temporaryBytes?(inputs: I, outputs: O, attributes: A): number;

  /** Which inputs and outputs the gradient rule reads; only these stay in memory until then. Default: none. */
  saves?(inputs: I, outputs: O): S;

  /**
   * The chain rule: from ∂L/∂(first output) to ∂L/∂(each input), in terms of other ops. Whoever differentiates a gradient
   * records these ops, so a rule that calls a fused kernel takes plain ops instead where `isRecording()`.
   *
   * Through integers and bits nothing flows. An output of f32 without a rule is an error as soon as a loss depends on it.
   */
  gradient?(outputGradient: Tensor, context: GradientContext<A, S>): InputGradients;

  /** The rules of the outputs after the first (statistics, probabilities), in order. */
  furtherGradients?: readonly ((outputGradient: Tensor, context: GradientContext<A, S>) => InputGradients)[];
}
