import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { defineOp } from '../../op.js';
import type { GradientContext, InputGradients, OpDefinition, Spec } from '../../op-definition.js';
import { sameShape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { type F32x4, f32, f32x4 } from '../../wasm/assembler.js';
import { ElementwiseKernel } from './elementwise.wasm.js';
import { kernelName } from './kernel-name.js';

/** The names of one operand, or of two. */
type Names = readonly [string] | readonly [string, string];

type Each<N extends Names, T> = { [K in keyof N]: T };
type Numbers<P extends string, T> = Readonly<Record<NoInfer<P>, T>>;
type Formula<N extends Names, P extends string, T> = N extends readonly [string, string]
  ? (a: T, b: T, numbers: Numbers<P, T>) => T
  : (x: T, numbers: Numbers<P, T>) => T;
type Attributes<P extends string> = [P] extends [never] ? undefined : Readonly<Record<P, number>>;
type ElementwiseOp<N extends Names, P extends string, S extends readonly Tensor[]> = OpDefinition<
  Each<N, Tensor>,
  [Tensor],
  Attributes<P>,
  S
>;

/**
 * An element-wise op on one f32 tensor, or two of one shape: its formula for each kind of processor, and its gradient.
 *
 * `N` are the names of the operands, `P` those of the numbers, `S` the tensors that the gradient rule reads.
 */
export interface Elementwise<N extends Names, P extends string, S extends readonly Tensor[]> {
  /** The name, for messages, profiles and exported files. */
  readonly name: string;
  /**
   * Names of the operands in `wgsl`. `i`, `p`, `rest`, `result` and the built-in values of `Shader` are taken. Default:
   * a single operand, `x`.
   */
  readonly operands?: N;
  /**
   * Names of the op's attributes, numbers that are the same for all elements. `y`, `size`, `count`, `x0` and `x1` are
   * taken. Default: none.
   */
  readonly numbers?: readonly P[];
  /** The definition: an element of the result from the elements of the operands, and the attributes. */
  readonly scalar: Formula<N, P, number>;
  /** The same in WebAssembly, for four elements. */
  readonly lanes: Formula<N, P, F32x4>;
  /** The same in WGSL: an expression of the operands by name, and of attributes as `p.name`. It may call `flushed`. */
  readonly wgsl: string;
  /** Functions in WGSL that `wgsl` calls. Default: none. */
  readonly wgslFunctions?: string;
  /** The tensors that the gradient rule reads, as in `OpDefinition`. Default: none. */
  readonly saves?: (inputs: Each<N, Tensor>, outputs: readonly [Tensor]) => S;
  /** The chain rule, as in `OpDefinition`. */
  readonly gradient?: (outputGradient: Tensor, context: GradientContext<Attributes<P>, S>) => InputGradients;
}

/**
 * Defines an op that computes each element of its result from the elements of its operands at the same position. The
 * result is f32, of their shape. CONTRIBUTING.md explains the parts.
 *
 * @throws ShapeError, when the op is called, if operands differ in shape.
 *
 * @example
 * ```ts
 * import { apply, tensor } from '@mobinet/tensor';
 * import { elementwiseOp, f32x4 } from '@mobinet/tensor/kernels';
 *
 * const softsign = elementwiseOp({
 *   name: 'softsign',
 *   scalar: (x) => x / (1 + Math.abs(x)),
 *   lanes: (x) => x.div(f32x4.const(1).add(x.abs())),
 *   wgsl: 'x / (1.0 + abs(x))',
 * });
 * console.log(`${apply(softsign, [tensor([-1, 0, 3])], undefined)[0].values}`);
 * // → -0.5,0,0.75
 * ```
 */
/* @__NO_SIDE_EFFECTS__ */
export function elementwiseOp<
  const N extends Names = readonly ['x'],
  const P extends string = never,
  S extends readonly Tensor[] = readonly [],
>(definition: Elementwise<N, P, S>): ElementwiseOp<N, P, S> {
  const { name, operands = ['x'], numbers = [], scalar, lanes, wgsl, wgslFunctions, ...rules } = definition;
  const f = scalar as (...args: unknown[]) => number;
  const parameters = Object.fromEntries(numbers.map((number) => [number, f32]));
  const kernel = new ElementwiseKernel(
    kernelName(name),
    operands.length,
    (values, all) => {
      const splats = Object.fromEntries(numbers.map((number) => [number, f32x4.splat(all[number])]));
      return (lanes as (...args: unknown[]) => F32x4)(...values, splats);
    },
    parameters,
  );
  const map = { name, operands, numbers, wgsl, ...(wgslFunctions !== undefined && { functions: wgslFunctions }) };
  return defineOp<Each<N, Tensor>, [Tensor], Attributes<P>, S>({
    name,
    outputs(inputs) {
      const [a, b = a] = inputs as readonly Tensor[];
      if (!sameShape(a.shape, b.shape)) {
        throw new ShapeError(
          name,
          'the operands must have the same shape',
          [a, b].map(({ shape }, k) => ({ name: operands[k]!, shape })),
        );
      }
      return [{ dtype: 'f32', shape: a.shape }];
    },
    reference(inputs, [{ values: y }], attributes) {
      const [{ values: a }, second] = inputs as readonly Tensor[];
      if (second) {
        const b = second.values;
        for (let i = 0; i < y.length; i++) y[i] = f(a[i], b[i], attributes);
      } else {
        for (let i = 0; i < y.length; i++) y[i] = f(a[i], attributes);
      }
    },
    fast: (inputs, [y], attributes) => kernel.run(inputs, y, attributes),
    webgpu: (inputs, [y], attributes) => gpuKernels().mapOnGpu(map, inputs, y, attributes),
    // This only matters in programs, and so far none contains an op of two operands: those are gradients, and the
    // running averages of training.
    inPlace: operands.length === 1,
    ...rules,
  });
}

/** The shape rule of ops whose f32 result has the shape of the first input. */
export function sameShapeAsInput([x]: readonly [Tensor, ...unknown[]]): [Spec<'f32'>] {
  return [{ dtype: 'f32', shape: x.shape }];
}
