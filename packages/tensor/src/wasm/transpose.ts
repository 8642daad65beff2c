import { type F32x4, f32x4 } from './lanes.js';

/**
 * Transposes a 4×4 matrix, given by its rows. Pass variables, because each row is used twice.
 *
 * @param rows Four rows of four numbers.
 *
 * @example
 * ```ts
 * import { arange, reshape } from '@mobinet/tensor';
 * import { Kernel } from '@mobinet/tensor/kernels';
 * import { f32x4, i32, store, transpose4x4 } from '@mobinet/tensor/wasm';
 *
 * const transpose = new Kernel('transpose', { x: i32 }, ({ x }) => {
 *   const rows = [0, 16, 32, 48].map((offset) => f32x4.variable(f32x4.load(x, offset)));
 *   for (const [i, row] of transpose4x4(rows).entries()) store(x, row, 16 * i);
 * });
 * const x = reshape(arange(0, 16, 1, 'f32'), [4, 4]);
 * transpose.run({ x }, 1);
 * console.log(`${x.values}`);
 * // → 0,4,8,12,1,5,9,13,2,6,10,14,3,7,11,15
 * ```
 */
export function transpose4x4([a, b, c, d]: readonly F32x4[]): F32x4[] {
  const [ab, abHigh] = [f32x4.variable(a.shuffle(b, 0, 4, 1, 5)), f32x4.variable(a.shuffle(b, 2, 6, 3, 7))];
  const [cd, cdHigh] = [f32x4.variable(c.shuffle(d, 0, 4, 1, 5)), f32x4.variable(c.shuffle(d, 2, 6, 3, 7))];
  return [
    ab.shuffle(cd, 0, 1, 4, 5),
    ab.shuffle(cd, 2, 3, 6, 7),
    abHigh.shuffle(cdHigh, 0, 1, 4, 5),
    abHigh.shuffle(cdHigh, 2, 3, 6, 7),
  ];
}
