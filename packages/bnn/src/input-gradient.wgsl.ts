import {
  type AnyTensor,
  type BitConv2dAttributes,
  type BitTensor,
  type Tensor,
  wordsPerRow,
} from '@mobinet/tensor/functions';
import { type GpuEpilogue, inputGradientOnGpu, memoize } from '@mobinet/tensor/kernels';
import type { Estimator } from './gradient-kinds.js';

/** For each estimator, the type of its memory and WGSL for the gradient that it passes. */
const estimators: Record<Estimator, { readonly memory: 'f32' | 'u32' | null; readonly passed: string }> = {
  identity: { memory: null, passed: 'value' },
  clip: {
    memory: 'u32',
    passed: 'select(value, 0.0, ((memory[pixel * p.rowWords + channel / 32u] >> (channel % 32u)) & 1u) == 1u)',
  },
  approx: {
    memory: 'f32',
    passed: 'value * max(0.0, 2.0 - 2.0 * abs(memory[pixel * p.channels + channel]))',
  },
};

/** `binaryInputGradient` in one kernel: the gradient of the convolution, the estimator and the skip. */
export function binaryInputGradientOnGpu(
  [dy, signs, alpha]: readonly [dy: Tensor, signs: BitTensor, alpha: Tensor],
  memory: AnyTensor | undefined,
  skip: Tensor | null,
  dx: Tensor,
  { estimator, repeats, ...attributes }: BitConv2dAttributes & { estimator: Estimator; repeats: number },
): void {
  const reads = { ...(memory && { memory }), ...(skip && { skip }) };
  const parameters = { rowWords: wordsPerRow(dx.shape[3]), repeats };
  const epilogue = epilogueOf(estimator, skip !== null);
  inputGradientOnGpu({ dy, filter: signs, scale: alpha, dx }, attributes, { epilogue, reads, parameters });
}

/** WGSL that adds the gradient of the skip, repeat by repeat. */
const addSkip = 'for (var r = 0u; r < p.repeats; r++) { sum += skip[(pixel * p.repeats + r) * p.channels + channel]; }';

/** Each epilogue is made once, since shaders are compiled for each epilogue object. */
const epilogueOf = memoize((estimator: Estimator, hasSkip: boolean): GpuEpilogue => {
  const { memory, passed } = estimators[estimator];
  return {
    name: `${estimator}${hasSkip ? '_skip' : ''}`,
    reads: { ...(memory && { memory }), ...(hasSkip && { skip: 'f32' }) },
    parameters: { rowWords: 'u32', repeats: 'u32' },
    declarations: `
fn finish(value: f32, pixel: u32, channel: u32) -> f32 {
  var sum = ${passed};
  ${hasSkip ? addSkip : ''}
  return sum;
}`,
  };
});
