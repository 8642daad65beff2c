import type { Tensor } from '@mobinet/tensor/functions';
import {
  addressOf,
  chunksOf,
  f32x4,
  forRange,
  i32,
  i32x4,
  Kernel,
  store,
  when,
  withTemporary,
  wordsAt,
} from '@mobinet/tensor/kernels';

/** Whether all elements of a tensor on the CPU are finite numbers. */
export function isFiniteTensor(x: Tensor): boolean {
  const vectors = x.size >> 2;
  const wholeVectorsAreFinite = withTemporary(4, (found) => {
    const word = wordsAt(found, 1);
    word[0] = 0;
    kernel.run({ x: addressOf(x), found }, vectors, { grain: chunksOf(vectors, 1) });
    return word[0] === 0;
  });
  return wholeVectorsAreFinite && x.values.subarray(4 * vectors).every(Number.isFinite);
}

/** Sets `found` to 1 if one of four elements is not finite: the difference from itself is 0 for all other numbers. */
const kernel = new Kernel('f32_is_finite', { x: i32, found: i32 }, ({ x, found }, from, to) => {
  const differences = f32x4.variable(0, 'differences');
  forRange(from, to, 1, (vector) => {
    const four = f32x4.variable(f32x4.load(x.add(vector.mul(16))), 'four');
    differences.set(differences.or(four.sub(four)));
  });
  const isZero = differences.as(i32x4).eq(i32x4.const(0));
  when(isZero.bitmask().ne(15), () => store(found, i32.const(1)));
});
