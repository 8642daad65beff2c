import type { DType } from '../../dtype.js';
import { apply } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { f32x4 } from '../../wasm/assembler.js';
import { comparison } from './compare.js';
import { predicate } from './predicates.js';

// Logic, element by element, on tensors of any dtype: every number except 0 is true, and so is NaN, as in NumPy. The
// results are u8, 1 for true and 0 for false, and pass no gradient.

/**
 * Tests whether both a and b are true, element by element. Broadcasts and throws as `add` does.
 *
 * @example
 * ```ts
 * import { greater, less, logicalAnd, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([-2, 0.5, 3]);
 * console.log(`${logicalAnd(greater(x, 0), less(x, 1)).values}`); // between 0 and 1
 * // → 0,1,0
 * ```
 */
export const logicalAnd = comparison({
  name: 'logicalAnd',
  scalar: (a, b) => a !== 0 && b !== 0,
  lanes: (a, b) => a.ne(f32x4.const(0)).and(b.ne(f32x4.const(0))),
  wgsl: 'a != 0 && b != 0',
});

/**
 * Tests whether a or b is true, or both, element by element: see `logicalAnd`.
 *
 * @example
 * ```ts
 * import { logicalOr, tensor } from '@mobinet/tensor';
 *
 * console.log(`${logicalOr(tensor([0, 0, 2, 3]), tensor([0, 1, 0, -1])).values}`);
 * // → 0,1,1,1
 * ```
 */
export const logicalOr = comparison({
  name: 'logicalOr',
  scalar: (a, b) => a !== 0 || b !== 0,
  lanes: (a, b) => a.ne(f32x4.const(0)).or(b.ne(f32x4.const(0))),
  wgsl: 'a != 0 || b != 0',
});

/**
 * Tests whether exactly one of a and b is true, element by element: see `logicalAnd`.
 *
 * @example
 * ```ts
 * import { logicalXor, tensor } from '@mobinet/tensor';
 *
 * console.log(`${logicalXor(tensor([0, 0, 2, 3]), tensor([0, 1, 0, -1])).values}`);
 * // → 0,1,1,0
 * ```
 */
export const logicalXor = comparison({
  name: 'logicalXor',
  scalar: (a, b) => (a !== 0) !== (b !== 0),
  lanes: (a, b) => a.ne(f32x4.const(0)).xor(b.ne(f32x4.const(0))),
  wgsl: '(a != 0) != (b != 0)',
});

/**
 * Tests which elements are false, that is 0: u8 of the shape of x, 1 where they are, else 0. See `logicalAnd`.
 *
 * @example
 * ```ts
 * import { logicalNot, tensor } from '@mobinet/tensor';
 *
 * console.log(`${logicalNot(tensor([0, -0, 2, Number.NaN])).values}`);
 * // → 1,1,0,0
 * ```
 */
export function logicalNot(x: Tensor<DType>): Tensor<'u8'> {
  return apply(logicalNotOp, [x], undefined)[0];
}

const logicalNotOp = predicate({
  name: 'logicalNot',
  scalar: (x) => x === 0,
  lanes: (x) => x.eq(f32x4.const(0)),
  wgsl: 'x == 0',
});
