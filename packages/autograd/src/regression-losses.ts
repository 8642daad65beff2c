import {
  abs,
  add,
  checkNumber,
  checkOptions,
  minimum,
  mul,
  square,
  sub,
  type Tensor,
  tidy,
} from '@mobinet/tensor/functions';
import { checkPair, checkReduction, type Reduction, reduced } from './loss-terms.js';

/** Options of the losses that compare a prediction with a target, element by element. */
export interface RegressionLossOptions {
  /** Whether to average over all elements, to add them up, or to return them as they are. Default `'mean'`. */
  reduction?: Reduction;
}

/**
 * Mean squared error: the mean of (prediction − target)² over all elements. It is `mse_loss` of PyTorch, without
 * broadcasting.
 *
 * @param prediction Any shape.
 * @param target The same shape.
 * @returns A scalar; without a reduction, the shape of the prediction.
 * @throws ShapeError if the shapes differ; RangeError for an unknown option.
 * @example
 * ```ts
 * import { mse } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log(mse(tensor([1, 2]), tensor([1, 6])).values[0]);
 * // → 8
 * ```
 */
export function mse(prediction: Tensor, target: Tensor, options: RegressionLossOptions = {}): Tensor {
  const reduction = reductionOf('mse', prediction, target, options);
  return tidy(() => reduced(square(sub(prediction, target)), reduction));
}

/**
 * Mean absolute error: the mean of |prediction − target| over all elements. Where both are equal, the derivative is 0.
 * It is `l1_loss` of PyTorch, without broadcasting.
 *
 * @param prediction Any shape.
 * @param target The same shape.
 * @returns A scalar; without a reduction, the shape of the prediction.
 * @throws ShapeError if the shapes differ; RangeError for an unknown option.
 * @example
 * ```ts
 * import { l1 } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log(l1(tensor([1, 2]), tensor([1, 6])).values[0]);
 * // → 2
 * ```
 */
export function l1(prediction: Tensor, target: Tensor, options: RegressionLossOptions = {}): Tensor {
  const reduction = reductionOf('l1', prediction, target, options);
  return tidy(() => reduced(abs(sub(prediction, target)), reduction));
}

/** Options of `huber`. */
export interface HuberOptions extends RegressionLossOptions {
  /** δ, the distance up to which the loss is quadratic, above 0 and up to 1e30. Default 1. */
  delta?: number;
}

/**
 * The loss of Huber (1964), which outliers pull only with a constant force. With the distance d = |prediction − target|
 * of an element, it is d²/2 up to d = δ, and δ·(d − δ/2) beyond. It is `huber_loss` of PyTorch, without broadcasting;
 * `smooth_l1_loss` with β is this divided by δ = β.
 *
 * @param prediction Any shape.
 * @param target The same shape.
 * @returns A scalar, the mean over all elements; without a reduction, the shape of the prediction.
 * @throws ShapeError if the shapes differ; RangeError if an option is out of range or unknown.
 * @example
 * ```ts
 * import { huber } from '@mobinet/autograd';
 * import { tensor, zeros } from '@mobinet/tensor';
 *
 * console.log(`${huber(tensor([0.5, 10]), zeros([2]), { reduction: 'none' }).values}`);
 * // → 0.125,9.5
 * ```
 */
export function huber(prediction: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  const { delta = 1, ...rest } = checkedOptions('huber', options, ['delta', 'reduction']);
  const reduction = reductionOf('huber', prediction, target, rest);
  checkNumber('huber: delta', delta, { above: 0, to: 1e30 });
  return tidy(() => {
    const distance = abs(sub(prediction, target));
    const near = minimum(distance, delta);
    return reduced(add(mul(square(near), 0.5), mul(sub(distance, near), delta)), reduction);
  });
}

function checkedOptions<O extends object>(op: string, options: O, names: readonly (keyof O & string)[]): O {
  checkOptions(op, options, names);
  return options;
}

/** Checks the operands and the option that all of these losses have. */
function reductionOf(op: string, prediction: Tensor, target: Tensor, options: RegressionLossOptions): Reduction {
  const { reduction = 'mean' } = checkedOptions(op, options, ['reduction']);
  checkPair(op, ['prediction', prediction], target);
  checkReduction(op, reduction);
  return reduction;
}
