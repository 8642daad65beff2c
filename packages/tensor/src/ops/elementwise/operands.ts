import { withBackend } from '../../backend.js';
import { checkTensor } from '../../check.js';
import { scalar } from '../../create.js';
import { type DType, dtypes, newTypedArray } from '../../dtype.js';
import { DTypeError } from '../../errors.js';
import { apply } from '../../op.js';
import type { AnyTensor, OpDefinition } from '../../op-definition.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';

/**
 * Two operands of the same dtype. One of them may be a number, which acts as a scalar of the other's dtype. Functions
 * of such operands have two overloads, so that TypeScript infers D from the first tensor only, not a union from both.
 */
export type Operands<D extends DType> = [a: Tensor<D>, b: Tensor<NoInfer<D>> | number] | [a: number, b: Tensor<D>];

/** A function of such operands whose result has their dtype. */
export interface Binary {
  <D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>> | number): Tensor<D>;
  <D extends DType>(a: number, b: Tensor<D>): Tensor<D>;
}

/**
 * Applies an op that works the same way on every dtype, as JavaScript's arithmetic does. Such an op has the types of
 * f32, the dtype that can be differentiated. No other function calls it with other dtypes.
 */
export function applyBinary<D extends DType, S extends readonly AnyTensor[]>(
  op: OpDefinition<[Tensor, Tensor], [Tensor], undefined, S>,
  operands: Operands<D>,
): Tensor<D> {
  return withTensors(op.name, operands, (a, b) => {
    const inputs = [a, b] as Tensor<DType>[] as [Tensor, Tensor];
    return apply(op, inputs, undefined)[0] as Tensor<DType> as Tensor<D>;
  });
}

/** Checks that the dtypes agree, and replaces a number by a scalar tensor while `use` runs. */
export function withTensors<D extends DType, R extends DType>(
  op: string,
  [a, b]: Operands<D>,
  use: (a: Tensor<D>, b: Tensor<D>) => Tensor<R>,
): Tensor<R> {
  if (typeof a === 'number' && typeof b === 'number') {
    throw new DTypeError(`${op}: at least one operand must be a tensor, not ${a} and ${b}`);
  }
  if (typeof a === 'number') checkTensor(op, b, 'b');
  if (typeof b === 'number') checkTensor(op, a, 'a');
  if (typeof a === 'number') return tidy(() => use(scalarLike(op, a, b as Tensor<D>), b as Tensor<D>));
  if (typeof b === 'number') return tidy(() => use(a, scalarLike(op, b, a)));
  checkTensor(op, a, 'a');
  checkTensor(op, b, 'b');
  if (a.dtype !== b.dtype) {
    throw new DTypeError(
      `${op}: a is ${a.dtype}, but b is ${b.dtype}. Convert one of them, for example with cast(b, '${a.dtype}').`,
    );
  }
  return use(a, b);
}

function scalarLike<D extends DType>(op: string, value: number, { dtype, backend }: Tensor<D>): Tensor<D> {
  checkValue(op, value, dtype);
  return withBackend(backend, () => scalar(value, dtype));
}

/** Throws DTypeError unless a tensor of this dtype can have the value as an element. f32 may round it. */
export function checkValue(op: string, value: number, dtype: DType): void {
  if (!dtypes.includes(dtype)) throw new DTypeError(`${op}: a ${dtype} tensor has no numbers. Use unpackBits(x).`);
  const [rounded] = newTypedArray(dtype, 1).fill(value);
  if (dtype === 'f32' || rounded === value) return;
  throw new DTypeError(`${op}: ${dtype} cannot represent ${value}. To compute with fractions, use cast(x, 'f32').`);
}
