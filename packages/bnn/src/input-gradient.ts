import {
  type AnyTensor,
  add,
  apply,
  type BitConv2dAttributes,
  type BitTensor,
  bitConv2dInputGradient,
  defineOp,
  reshape,
  type Shape,
  ShapeError,
  sameShape,
  sizeOf,
  sum,
  type Tensor,
  tidy,
} from '@mobinet/tensor/functions';
import { hasLookup, inputGradientWithEpilogue } from '@mobinet/tensor/kernels';
import { estimatorOf, passThrough } from './estimator.js';
import { epilogueArguments, estimatorEpilogue } from './estimator.wasm.js';
import type { Estimator } from './gradient-kinds.js';
import { binaryInputGradientOnGpu } from './input-gradient.wgsl.js';

/** The gradient that reaches the input of a convolution through the skip around it. */
export interface SkipGradient {
  /** [..., repeats · channels] */
  readonly gradient: Tensor;
  /** How often the input was repeated along the channels. */
  readonly repeats: number;
}

/** The operands of `binaryInputGradient`. */
export interface BinaryInputGradient {
  /** ∂L/∂y, where y is the output of the convolution. */
  readonly dy: Tensor;
  /** B, the signs of the weights. */
  readonly signs: BitTensor;
  /** α, [outChannels] */
  readonly alpha: Tensor;
  /**
   * What the estimator saved of x: x itself for `'approx'`, bits for `'clip'` (whether |x| exceeds 1), nothing for
   * `'identity'`.
   */
  readonly memory: readonly AnyTensor[];
  /** The shape of x, [batch, height, width, channels]. */
  readonly xShape: Shape;
  /** The attributes of the convolution (`bitConv2dAttributes`). */
  readonly attributes: BitConv2dAttributes;
  /** Default null: no skip. */
  readonly skip?: SkipGradient | null;
}

/**
 * ∂L/∂x of a binary convolution y = α·(sign(x) ∗ B):
 *
 *     dx = estimator(x) · convᵀ(α·dy, B) + the skip's gradient, summed over its repeats
 *
 * @returns f32 of the shape of x.
 * @throws ShapeError if the operands do not fit.
 * @example
 * ```ts
 * import { binaryInputGradient } from '@mobinet/bnn/kernels';
 * import { bitConv2dAttributes, ones, packBits, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([0.5, -2], { shape: [1, 1, 1, 2] });
 * const signs = packBits(tensor([1, -1], { shape: [1, 1, 1, 2] }));
 * const attributes = bitConv2dAttributes('example', x.shape, signs.shape, {});
 * const operands = { dy: ones([1, 1, 1, 1]), signs, alpha: tensor([2]), memory: [x], xShape: x.shape, attributes };
 * // ∂L/∂sign(x) is α·B = 2, −2. The slope of the estimator is 2 − 2·0.5 = 1 at 0.5, and 0 at −2.
 * console.log(`${binaryInputGradient(operands).values}`);
 * // → 2,0
 * ```
 */
export function binaryInputGradient(operands: BinaryInputGradient): Tensor {
  const { dy, signs, alpha, memory, xShape, attributes, skip = null } = operands;
  const inputs: Inputs = [dy, signs, alpha, ...memory, ...(skip ? [skip.gradient] : [])];
  const repeats = skip?.repeats ?? 0;
  return apply(inputGradientOp, inputs, { ...attributes, xShape, repeats, estimator: estimatorOf(memory) })[0];
}

/** The estimator's memory and the skip's gradient are optional. */
type Inputs = readonly [dy: Tensor, signs: BitTensor, alpha: Tensor, ...memoryAndSkip: AnyTensor[]];

interface Attributes extends BitConv2dAttributes {
  readonly xShape: Shape;
  readonly repeats: number;
  readonly estimator: Estimator;
}

const inputGradientOp = defineOp<Inputs, [Tensor], Attributes>({
  name: 'binaryInputGradient',
  accepts: [['f32'], ['bits'], ['f32'], ['f32', 'bits'], ['f32']],
  outputs([dy, signs, alpha, ...rest], { xShape, repeats, window }) {
    const { memory, skip } = split(rest, repeats);
    const yShape = [xShape[0], window.height.output, window.width.output, signs.shape[0]];
    const fits =
      sameShape(dy.shape, yShape) &&
      sameShape(alpha.shape, [signs.shape[0]]) &&
      memory.every(({ shape }) => sameShape(shape, xShape)) &&
      (!skip || skip.size === repeats * sizeOf(xShape));
    if (!fits) {
      const named = { dy, signs, alpha, ...(memory[0] && { memory: memory[0] }), ...(skip && { skip }) };
      const operands = Object.entries(named).map(([name, { shape }]) => ({ name, shape }));
      const remedy = `dy must be [${yShape}], alpha [${signs.shape[0]}], the memory [${xShape}], and a skip ${repeats} times as large.`;
      throw new ShapeError('binaryInputGradient', 'the operands do not fit', operands, remedy);
    }
    return [{ dtype: 'f32', shape: xShape }];
  },
  reference([dy, signs, alpha, ...rest], [dx], { xShape, repeats, ...attributes }) {
    tidy(() => {
      const { memory, skip } = split(rest, repeats);
      const passed = passThrough(bitConv2dInputGradient(dy, signs, xShape, attributes, alpha), memory);
      const skipSum = skip ? sum(reshape(skip, [-1, repeats, xShape[xShape.length - 1]]), { axes: 1 }) : null;
      dx.values.set((skipSum ? add(reshape(passed, skipSum.shape), skipSum) : passed).values);
    });
  },
  fast(inputs, outputs, attributes) {
    const [dy, signs, alpha, ...rest] = inputs;
    const [dx] = outputs;
    const { xShape, repeats, estimator } = attributes;
    const channels = xShape[xShape.length - 1];
    if (!hasKernel(inputs, attributes)) {
      return inputGradientOp.reference(inputs, outputs, attributes);
    }
    const { memory, skip } = split(rest, repeats);
    const epilogue = estimatorEpilogue(estimator, repeats);
    const args = epilogueArguments(memory[0], skip, channels);
    inputGradientWithEpilogue({ dy, filter: signs, scale: alpha, dx }, attributes, epilogue, args);
  },
  webgpu([dy, signs, alpha, ...rest], [dx], attributes) {
    const { memory, skip } = split(rest, attributes.repeats);
    binaryInputGradientOnGpu([dy, signs, alpha], memory[0], skip, dx, attributes);
  },
  /** Without a fused kernel, there are gradients of every step, and signs as floats. */
  temporaryBytes: (inputs, [dx], attributes) => (hasKernel(inputs, attributes) ? 0 : 7 * 4 * dx.size),
  multiplyAdds: ([dy, signs]) => dy.size * sizeOf(signs.shape.slice(1)),
});

/** The fused kernel reads skips four channels at a time. */
function hasKernel([, signs]: Inputs, attributes: Attributes): boolean {
  const { xShape } = attributes;
  return hasLookup(signs.shape, attributes) && xShape[xShape.length - 1] % 4 === 0;
}

function split(rest: readonly AnyTensor[], repeats: number): { memory: readonly AnyTensor[]; skip: Tensor | null } {
  return repeats > 0 ? { memory: rest.slice(0, -1), skip: rest.at(-1) as Tensor } : { memory: rest, skip: null };
}
