import type { BitTensor } from '../../bit-tensor.js';
import { checkTensor } from '../../check.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { checkBits } from './check-bits.js';
import { setBits, signsOf } from './each-bit.js';
import { packMask, unpackSigns } from './pack-bits.wasm.js';

/**
 * Packs the signs of x as bits: 1 (meaning −1) where x < 0, else 0 (meaning +1). So 0, −0 and NaN count as +1, since
 * the signs of a binary network are never 0.
 *
 * It has no gradient: the derivative of sign is 0 wherever it exists, so the tape ends here. The estimators that let
 * networks learn anyway are in `@mobinet/bnn`.
 *
 * @param x A tensor of rank 1 or more. It is packed along the last axis.
 * @returns Bits of the shape of x.
 * @throws ShapeError for a scalar.
 * @throws DTypeError unless x is f32.
 *
 * @example
 * ```ts
 * import { packBits, tensor } from '@mobinet/tensor';
 *
 * const bits = packBits(tensor([-3, 0.5, 0, -0.1]));
 * console.log(bits.words[0].toString(2)); // the first sign is in the lowest bit, and 1 is −1
 * // → 1001
 * ```
 */
export function packBits(x: Tensor): BitTensor {
  checkTensor('packBits', x, 'x', ['f32']);
  return apply(packBitsOp, [x], undefined)[0];
}

/**
 * The op behind `packBits`, which fusion rules look for.
 *
 * @example
 * ```ts
 * import { apply, tensor } from '@mobinet/tensor';
 * import { packBitsOp } from '@mobinet/tensor/kernels';
 *
 * console.log(`${packBitsOp.name}: ${apply(packBitsOp, [tensor([-1, 1])], undefined)[0].words}`);
 * // → packBits: 1
 * ```
 */
export const packBitsOp = defineOp<[Tensor], [BitTensor]>({
  name: 'packBits',
  outputs([x]) {
    if (x.rank === 0) throw new ShapeError('packBits', 'a scalar has no axis to pack', [], 'Reshape it to [1].');
    return [{ dtype: 'bits', shape: x.shape }];
  },
  reference: ([{ values: x }], [bits]) => setBits(bits, (at) => x[at] < 0),
  fast: ([x], [bits]) => packMask('negative', x, bits),
  webgpu: ([x], [bits]) => gpuKernels().packMaskOnGpu('negative', x, bits),
});

/**
 * Unpacks signs to numbers: f32 of the same shape, with every element +1 or −1. The gradient passes through unchanged.
 *
 * @throws DTypeError unless `bits` is a BitTensor.
 *
 * @example
 * ```ts
 * import { packBits, tensor, unpackBits } from '@mobinet/tensor';
 *
 * console.log(`${unpackBits(packBits(tensor([-3, 0.5, 0, -0.1]))).values}`);
 * // → -1,1,1,-1
 * ```
 */
export function unpackBits(bits: BitTensor): Tensor {
  return apply(unpackBitsOp, [bits], undefined)[0];
}

export const unpackBitsOp = defineOp<[BitTensor], [Tensor]>({
  name: 'unpackBits',
  accepts: [['bits']],
  outputs([bits]) {
    checkBits('unpackBits', 'bits', bits);
    return [{ dtype: 'f32', shape: bits.shape }];
  },
  reference: ([bits], [{ values: signs }]) => signs.set(signsOf(bits)),
  fast: ([bits], [signs]) => unpackSigns(bits, signs),
  webgpu: ([bits], [signs]) => gpuKernels().unpackOnGpu(bits, signs),
  gradient: (dSigns) => [() => dSigns],
});
