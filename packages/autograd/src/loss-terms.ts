import {
  checkChoice,
  checkTensor,
  equal,
  maximum,
  mean,
  mul,
  ShapeError,
  sameShape,
  sum,
  type Tensor,
  where,
} from '@mobinet/tensor/functions';

/** What becomes of the losses of a batch: their mean, their sum, or each of them. */
export type Reduction = 'mean' | 'sum' | 'none';

/** Checks the option `reduction`. */
export function checkReduction(op: string, reduction: Reduction): void {
  checkChoice(`${op}: reduction`, reduction, ['mean', 'sum', 'none']);
}

/** The losses of all elements or rows, reduced. */
export function reduced(losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? sum(losses) : mean(losses);
}

/** Checks that two tensors are f32 and have the same shape: a loss that broadcast would hide a mistake. */
export function checkPair(op: string, [name, x]: readonly [string, Tensor], target: Tensor): void {
  checkTensor(op, x, name, ['f32']);
  checkTensor(op, target, 'target', ['f32']);
  if (sameShape(x.shape, target.shape)) return;
  throw new ShapeError(op, `${name} and target must have the same shape`, [
    { name, shape: x.shape },
    { name: 'target', shape: target.shape },
  ]);
}

/** The largest number that f32 can represent. */
const largest = (2 - 2 ** -23) * 2 ** 127;

/**
 * x·logarithm, where 0 · −∞ is 0: the limit of x·log y as x approaches 0. The derivative with respect to the logarithm
 * is x everywhere.
 */
export function mulLogarithm(x: Tensor, logarithm: Tensor): Tensor {
  return mul(x, where(equal(x, 0), maximum(logarithm, -largest), logarithm));
}
