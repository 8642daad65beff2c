import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { mul } from '../elementwise/binary.js';
import { sumTo } from '../reduce/sum.js';
import { affineKernel } from './norm.wasm.js';

/**
 * Scales and shifts each channel: y[..., c] = x[..., c] · scale[c] + shift[c].
 *
 * Product and sum are rounded to f32 separately, so that every engine computes the same bits. GPUs may round only once.
 *
 * @param x [..., channels].
 * @param scale [channels].
 * @param shift [channels].
 * @returns f32 of the shape of x.
 * @throws ShapeError unless scale and shift have one element per channel.
 *
 * @example
 * ```ts
 * import { affine, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 1], [2, 2]]);
 * console.log(`${affine(x, tensor([1, 10]), tensor([0, 0.5])).values}`);
 * // → 1,10.5,2,20.5
 * ```
 */
export function affine(x: Tensor, scale: Tensor, shift: Tensor): Tensor {
  return apply(affineOp, [x, scale, shift], undefined)[0];
}

const affineOp = defineOp<[Tensor, Tensor, Tensor], [Tensor], undefined, [Tensor, Tensor]>({
  name: 'affine',
  outputs([x, scale, shift]) {
    checkChannels('affine', x.shape, { scale, shift });
    return [{ dtype: 'f32', shape: x.shape }];
  },
  reference([{ values: x }, { values: scale }, { values: shift }], [{ values: y }]) {
    const channels = scale.length;
    for (let row = 0; row < x.length; row += channels) {
      for (let c = 0; c < channels; c++) y[row + c] = Math.fround(x[row + c] * scale[c]) + shift[c];
    }
  },
  fast: ([x, scale, shift], [y]) => affineKernel.run([x], [scale, shift], y, x.size / scale.size, scale.size),
  webgpu: (inputs, [y]) => gpuKernels().affineShader.run(inputs, y),
  inPlace: true,
  saves: ([x, scale]) => [x, scale],
  gradient: (dy, { saved: [x, scale] }) => [
    () => mul(dy, scale),
    () => sumTo(mul(dy, x), scale.shape),
    () => sumTo(dy, scale.shape),
  ],
});

/** Throws unless x has a last axis, and each vector has one element per channel of it. */
export function checkChannels(op: string, x: Shape, vectors: Readonly<Record<string, Tensor>>): void {
  const channels = x.at(-1);
  for (const [name, { shape, label }] of Object.entries(vectors)) {
    if (shape.length === 1 && shape[0] === channels) continue;
    throw new ShapeError(
      op,
      channels === undefined ? 'a scalar x has no channels' : `x has ${channels} channels, ${name} does not fit`,
      [
        { name: 'x', shape: x, note: '…, channels' },
        { name, shape, note: label },
      ],
      `${name} must have the shape [channels].`,
    );
  }
}
