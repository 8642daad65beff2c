import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { matmul } from '../matmul/matmul.js';
import { bitGemm } from './bit-gemm.js';
import { checkBits } from './check-bits.js';
import { unpackBits } from './pack-bits.js';
import { popcount32 } from './popcount.js';

/**
 * The product a·bᵀ of two matrices of signs: c[m, n] is the dot product of row m of a and row n of b.
 *
 * The reduced axis K is the last one of both operands, since signs are packed along the last axis. So b has the usual
 * layout of a weight matrix, [outFeatures, inFeatures].
 *
 * @param a [M, K]
 * @param b [N, K]
 * @returns i32 [M, N], every element between −K and K.
 * @throws ShapeError unless both are matrices with the same K.
 * @throws DTypeError unless both are BitTensors.
 *
 * @example
 * ```ts
 * import { bitMatmul, packBits, tensor } from '@mobinet/tensor';
 *
 * const a = packBits(tensor([[1, -1, 1, 1]]));
 * const b = packBits(tensor([[1, -1, 1, 1], [1, 1, -1, 1]]));
 * console.log(`${bitMatmul(a, b).values}`); // all four signs agree, and only two of four: 2 − 2
 * // → 4,0
 * ```
 */
export function bitMatmul(a: BitTensor, b: BitTensor): Tensor<'i32'> {
  return apply(bitMatmulOp, [a, b], undefined)[0];
}

/**
 * Why n − 2·popcount(a xor b) is the dot product of two rows of n signs:
 *
 * 1. The product of two signs is +1 if they are equal and −1 if they differ.
 * 2. If d pairs of signs differ, the dot product is therefore (n − d)·(+1) + d·(−1) = n − 2d.
 * 3. A sign is stored as one bit, and the xor of two bits is 1 if and only if they differ, so d = popcount(a xor b).
 * 4. Tail bits are 0 in both rows, so their xor is 0 and adds nothing to d. n only counts the real signs.
 *
 * (Rastegari et al., "XNOR-Net", 2016, count equal bits with xnor. Counting differences needs no mask for the tail.)
 */
const bitMatmulOp = defineOp<[BitTensor, BitTensor], [Tensor<'i32'>], undefined, [BitTensor, BitTensor]>({
  name: 'bitMatmul',
  accepts: [['bits']],
  outputs([a, b]) {
    checkBits('bitMatmul', 'a', a);
    checkBits('bitMatmul', 'b', b);
    const operands = [
      { name: 'a', shape: a.shape, note: a.label ?? 'M, K' },
      { name: 'b', shape: b.shape, note: b.label ?? 'N, K' },
    ];
    if (a.rank !== 2 || b.rank !== 2) throw new ShapeError('bitMatmul', 'a and b must be matrices', operands);
    if (a.rowLength !== b.rowLength) {
      throw new ShapeError(
        'bitMatmul',
        `rows of a have ${a.rowLength} signs, rows of b have ${b.rowLength}`,
        operands,
        'The last axes must be equal: the product is a·bᵀ.',
      );
    }
    return [{ dtype: 'i32', shape: [a.shape[0], b.shape[0]] }];
  },
  reference([{ words: a, rowLength: signs }, { words: b }], [{ values: c, shape }]) {
    const [rows, columns] = shape;
    const words = wordsPerRow(signs);
    let at = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const aAt = row * words;
        const bAt = column * words;
        let differences = 0;
        for (let word = 0; word < words; word++) differences += popcount32(a[aAt + word] ^ b[bAt + word]);
        c[at++] = signs - 2 * differences;
      }
    }
  },
  fast([a, b], [y]) {
    if (a.rowLength === 0) y.values.fill(0);
    else bitGemm({ m: a.shape[0], n: b.shape[0], signs: a.rowLength, a, b, y });
  },
  webgpu: ([a, b], [c]) => gpuKernels().bitMatmulOnGpu(a, b, c),
  multiplyAdds: ([a], [c]) => c.size * a.rowLength,
  saves: (inputs) => inputs,
  gradient: (dc, { saved: [a, b] }) => [
    () => matmul(dc, unpackBits(b)),
    () => matmul(dc, unpackBits(a), { transposeA: true }),
  ],
});
