import {
  add,
  checkChoice,
  checkOptions,
  checkTensor,
  equal,
  exp,
  log,
  mul,
  neg,
  ShapeError,
  softplus,
  sub,
  sum,
  type Tensor,
  tidy,
  where,
} from '@mobinet/tensor/functions';
import { checkPair, checkReduction, mulLogarithm, type Reduction, reduced } from './loss-terms.js';

/** Options of `binaryCrossEntropyWithLogits`. */
export interface BinaryCrossEntropyOptions {
  /**
   * p, a factor for the loss of positive examples, which makes up for their rarity: any shape that broadcasts to that
   * of the logits, such as [classes]. Default: 1.
   */
  positiveWeight?: Tensor;
  /** Whether to average over all elements, to add them up, or to return them as they are. Default `'mean'`. */
  reduction?: Reduction;
}

/**
 * The cross-entropy of yes-or-no questions, whose probability of yes is σ(x) for a logit x:
 *
 *     −p·target·log σ(x) − (1 − target)·log(1 − σ(x))
 *
 * It is computed from logits because the logarithm of a sigmoid that has been rounded to 0 is −∞. It is
 * `binary_cross_entropy_with_logits` of PyTorch, without its `weight`.
 *
 * @param logits x, any shape.
 * @param target The same shape, f32: 1 for yes, 0 for no, or the probability of yes.
 * @returns A scalar, the mean over all elements, in nats; without a reduction, the shape of the logits.
 * @throws ShapeError if the shapes do not fit; RangeError for an unknown option.
 * @example
 * ```ts
 * import { binaryCrossEntropyWithLogits } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const losses = binaryCrossEntropyWithLogits(tensor([0, 200]), tensor([1, 0]), { reduction: 'none' });
 * console.log([...losses.values].map((loss) => loss.toFixed(3)).join(' '));
 * // → 0.693 200.000
 * ```
 */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  const op = 'binaryCrossEntropyWithLogits';
  checkOptions(op, options, ['positiveWeight', 'reduction']);
  const { positiveWeight, reduction = 'mean' } = options;
  checkPair(op, ['logits', logits], target);
  checkReduction(op, reduction);
  if (positiveWeight !== undefined) checkPositiveWeight(op, positiveWeight, logits);
  return tidy(() => {
    // −log σ(x) is softplus(−x), and −log(1 − σ(x)) is softplus(x), without loss of digits where either is near 0.
    const [ofYes, ofNo] = [softplus(neg(logits)), softplus(logits)];
    const weighted = positiveWeight ? mul(ofYes, positiveWeight) : ofYes;
    return reduced(add(mul(target, weighted), mul(sub(1, target), ofNo)), reduction);
  });
}

function checkPositiveWeight(op: string, positiveWeight: Tensor, logits: Tensor): void {
  checkTensor(op, positiveWeight, 'positiveWeight', ['f32']);
  const added = logits.rank - positiveWeight.rank;
  if (added >= 0 && positiveWeight.shape.every((size, axis) => size === 1 || size === logits.shape[added + axis]))
    return;
  throw new ShapeError(op, 'positiveWeight must broadcast to the shape of the logits', [
    { name: 'logits', shape: logits.shape },
    { name: 'positiveWeight', shape: positiveWeight.shape },
  ]);
}

/** Options of `klDivergence`. */
export interface KlDivergenceOptions {
  /** Whether the target holds logarithms of probabilities, too. Default false. */
  logTarget?: boolean;
  /**
   * Whether to average the divergences of all rows, to add them up, or to return each of them. Default `'mean'`, which
   * is `'batchmean'` in PyTorch.
   */
  reduction?: Reduction;
}

/**
 * The divergence of Kullback and Leibler of each row, averaged over the batch: KL(p ‖ q) = Σ p·(log p − log q), summed
 * over the last axis. p is the target, and q is what a model predicts. A probability of 0 in p contributes 0.
 *
 * The order of arguments, and logarithms for the first, are those of `kl_div` of PyTorch. Differs from it: the mean is
 * over rows, all axes but the last, and never over elements; without a reduction, the result has one number per row.
 *
 * @param logProbabilities log q, [..., classes], such as the result of `logSoftmax`.
 * @param target p, or log p with `logTarget`, of the same shape.
 * @returns A scalar, or [...] without a reduction; in nats.
 * @throws ShapeError if the shapes differ, or are those of scalars; RangeError for an unknown option.
 * @example
 * ```ts
 * import { klDivergence } from '@mobinet/autograd';
 * import { logSoftmax, tensor } from '@mobinet/tensor';
 *
 * const predicted = logSoftmax(tensor([[0, 0]])); // ½ and ½
 * const loss = klDivergence(predicted, tensor([[1, 0]]));
 * console.log(`${loss.values[0].toFixed(4)}, ${Math.LN2.toFixed(4)}`);
 * // → 0.6931, 0.6931
 * ```
 */
export function klDivergence(logProbabilities: Tensor, target: Tensor, options: KlDivergenceOptions = {}): Tensor {
  checkOptions('klDivergence', options, ['logTarget', 'reduction']);
  const { logTarget = false, reduction = 'mean' } = options;
  checkChoice('klDivergence: logTarget', logTarget, [true, false]);
  checkPair('klDivergence', ['logProbabilities', logProbabilities], target);
  checkReduction('klDivergence', reduction);
  if (logProbabilities.rank === 0) {
    throw new ShapeError('klDivergence', 'a scalar has no axis of classes to sum over', [
      { name: 'logProbabilities', shape: [] },
    ]);
  }
  return tidy(() => {
    const p = logTarget ? exp(target) : target;
    // Where p is 0, the logarithm of 1 takes the place of that of 0, which would be −∞.
    const logP = logTarget ? target : log(where(equal(p, 0), 1, p));
    const terms = sub(mulLogarithm(p, logP), mulLogarithm(p, logProbabilities));
    return reduced(sum(terms, { axes: -1 }), reduction);
  });
}
