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
  sizeOf,
  sum,
  type Tensor,
  tidy,
} from '@mobinet/tensor';
import { hasLookup, inputGradientWithEpilogue } from '@mobinet/tensor/kernels';
import { estimatorOf, passThrough } from './estimator.js';
import { epilogueArguments, estimatorEpilogue } from './estimator.wasm.js';
import type { Estimator } from './gradient-kinds.js';
import { binaryInputGradientOnGpu } from './input-gradient.wgsl.js';

/** The gradient that comes around a convolution by its skip. */
export interface SkipGradient {
  /** [..., repeats · channels] */
  readonly gradient: Tensor;
  /** How often the input was repeated along the channels. */
  readonly repeats: number;
}

/**
 * ∂L/∂x of a binary convolution α·(sign(x) ∗ B), from dy = ∂L/∂(its output) and what the estimator kept of x:
 *
 *     dx = estimator(x) · convᵀ(α·dy, B) + Σ over repeats of the skip's gradient
 *
 * @param signs B, @param scale α, @param memory from `estimatorMemory`.
 */
export function binaryInputGradient(
  dy: Tensor,
  signs: BitTensor,
  scale: Tensor,
  memory: readonly AnyTensor[],
  xShape: Shape,
  attributes: BitConv2dAttributes,
  skip: SkipGradient | null = null,
): Tensor {
  const inputs: Inputs = [dy, signs, scale, ...memory, ...(skip ? [skip.gradient] : [])];
  const repeats = skip?.repeats ?? 0;
  return apply(inputGradientOp, inputs, { ...attributes, xShape, repeats, estimator: estimatorOf(memory) })[0];
}

/** What the estimator kept, and the skip's gradient, where there are such. */
type Inputs = readonly [dy: Tensor, signs: BitTensor, scale: Tensor, ...memoryAndSkip: AnyTensor[]];

interface Attributes extends BitConv2dAttributes {
  readonly xShape: Shape;
  readonly repeats: number;
  readonly estimator: Estimator;
}

const inputGradientOp = defineOp<Inputs, [Tensor], Attributes>({
  name: 'binaryInputGradient',
  outputs: (_, { xShape }) => [{ dtype: 'f32', shape: xShape }],
  reference([dy, signs, scale, ...rest], [dx], { xShape, repeats, ...attributes }) {
    tidy(() => {
      const { memory, skip } = split(rest, repeats);
      const passed = passThrough(bitConv2dInputGradient(dy, signs, xShape, attributes, scale), memory);
      const around = skip ? sum(reshape(skip, [-1, repeats, xShape[xShape.length - 1]]), { axes: 1 }) : null;
      dx.values.set((around ? add(reshape(passed, around.shape), around) : passed).values);
    });
  },
  fast(inputs, outputs, attributes) {
    const [dy, signs, scale, ...rest] = inputs;
    const [dx] = outputs;
    const { xShape, repeats, estimator } = attributes;
    const channels = xShape[xShape.length - 1];
    if (!hasKernel(inputs, attributes)) {
      return inputGradientOp.reference(inputs, outputs, attributes);
    }
    const { memory, skip } = split(rest, repeats);
    const epilogue = estimatorEpilogue(estimator, repeats);
    const args = epilogueArguments(memory[0], skip, channels);
    inputGradientWithEpilogue({ dy, filter: signs, scale, dx }, attributes, epilogue, args);
  },
  webgpu([dy, signs, scale, ...rest], [dx], attributes) {
    const { memory, skip } = split(rest, attributes.repeats);
    binaryInputGradientOnGpu([dy, signs, scale], memory[0], skip, dx, attributes);
  },
  /** Without a kernel for all in one there are gradients of each step, and signs as floats. */
  temporaryBytes: (inputs, [dx], attributes) => (hasKernel(inputs, attributes) ? 0 : 7 * 4 * dx.size),
  multiplyAdds: ([dy, signs]) => dy.size * sizeOf(signs.shape.slice(1)),
});

/** Skips are read four channels at a time. */
function hasKernel([, signs]: Inputs, attributes: Attributes): boolean {
  const { xShape } = attributes;
  return hasLookup(signs.shape, attributes) && xShape[xShape.length - 1] % 4 === 0;
}

function split(rest: readonly AnyTensor[], repeats: number): { memory: readonly AnyTensor[]; skip: Tensor | null } {
  return repeats > 0 ? { memory: rest.slice(0, -1), skip: rest.at(-1) as Tensor } : { memory: rest, skip: null };
}
