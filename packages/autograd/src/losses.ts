import {
  add,
  apply,
  arange,
  checkNumber,
  checkOptions,
  checkTensor,
  DTypeError,
  defineOp,
  div,
  equal,
  isRecording,
  logSoftmax,
  mean,
  mul,
  neg,
  ones,
  reshape,
  ShapeError,
  sameShape,
  sizeOf,
  softmax,
  sub,
  sum,
  type Tensor,
  tidy,
  where,
  wholeNumbers,
  withBackend,
} from '@mobinet/tensor/functions';
import { flushed } from '@mobinet/tensor/kernels';
import { stopGradient } from './differentiate.js';
import { type LabelAttributes, labelTargets } from './label-targets.js';
import { checkReduction, mulLogarithm, type Reduction } from './loss-terms.js';
import { crossEntropyByKernel, crossEntropyGradientByKernel } from './losses.wasm.js';
import { crossEntropyGradientOnGpu, crossEntropyOnGpu } from './losses.wgsl.js';
import { labelSmoothingRange, temperatureRange } from './ranges.js';

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** ε of label smoothing, from 0 to 1: how much of each target is spread over all classes. Default 0. */
  labelSmoothing?: number;
  /** w, a factor for each class, [classes], which is a constant to gradients. Default: all 1. */
  weight?: Tensor;
  /**
   * Rows with this label do not count, whatever their logits. Not for soft targets. Default: none, where PyTorch has
   * −100.
   */
  ignoreIndex?: number;
  /** Whether to average the losses of all rows, to add them up, or to return them as they are. Default `'mean'`. */
  reduction?: Reduction;
}

/**
 * Softmax cross-entropy, averaged over the batch: −log softmax(logits)[label] of each row.
 *
 * In general, the loss of row n is −Σ w[c]·target[n, c]·log softmax(logits[n])[c], where the target of a label is
 * one-hot. With label smoothing ε, the target becomes (1 − ε)·target + ε/classes (Szegedy et al., 2016).
 *
 * As in PyTorch, the mean over labels is divided by the sum of w[label] over the rows that count, and is NaN if there
 * are none; the mean over soft targets is divided by the number of rows. Differs from PyTorch: the classes are the last
 * axis, and a soft target of 0 contributes 0 where the logit is −∞, not NaN.
 *
 * @param logits [..., classes]. All axes but the last are those of the batch; each of its elements is a row.
 * @param target The class index of each row, i32 [...], or soft targets, the probability of each class, f32
 *   [..., classes].
 * @returns A scalar, or [...] without a reduction; in nats.
 * @throws ShapeError or DTypeError if the operands do not fit.
 * @throws RangeError if an option is out of range or unknown, or a label is not in 0 … classes − 1. A GPU cannot throw
 *   for a label: there, the loss is NaN.
 * @example
 * ```ts
 * import { crossEntropy } from '@mobinet/autograd';
 * import { tensor, zeros } from '@mobinet/tensor';
 *
 * // Equal logits for 10 classes are a guess, whose loss is ln 10.
 * const loss = crossEntropy(zeros([2, 10]), tensor([3, 7], { dtype: 'i32' }));
 * console.log(`${loss.values[0].toFixed(4)}, ${Math.log(10).toFixed(4)}`);
 * // → 2.3026, 2.3026
 * ```
 * @example Rare classes count more, and padding not at all
 * ```ts
 * import { crossEntropy } from '@mobinet/autograd';
 * import { tensor, zeros } from '@mobinet/tensor';
 *
 * const labels = tensor([0, 1, -1], { dtype: 'i32' });
 * const options = { weight: tensor([1, 3]), ignoreIndex: -1, reduction: 'none' } as const;
 * console.log([...crossEntropy(zeros([3, 2]), labels, options).values].map((loss) => loss.toFixed(3)).join(' '));
 * // → 0.693 2.079 0.000
 * ```
 */
export function crossEntropy(logits: Tensor, target: Tensor<'i32' | 'f32'>, options: CrossEntropyOptions = {}): Tensor {
  checkTensor('crossEntropy', logits, 'logits', ['f32']);
  checkTensor('crossEntropy', target, 'labels');
  checkOptions('crossEntropy', options, ['labelSmoothing', 'weight', 'ignoreIndex', 'reduction']);
  const { labelSmoothing = 0, weight, ignoreIndex, reduction = 'mean' } = options;
  const isSoft = target.dtype === 'f32' && target.rank === logits.rank;
  const expected = isSoft ? logits.shape : logits.shape.slice(0, -1);
  if (logits.rank === 0 || !sameShape(target.shape, expected)) {
    const operands = [
      { name: 'logits', shape: logits.shape, note: '..., classes' },
      { name: isSoft ? 'target' : 'labels', shape: target.shape, note: isSoft ? '..., classes' : '...' },
    ];
    const problem = 'every row of logits needs one label, or the probability of each class';
    const remedy = `Labels are i32 [${logits.shape.slice(0, -1).join(', ')}], and probabilities f32 [${logits.shape.join(', ')}].`;
    throw new ShapeError('crossEntropy', problem, operands, logits.rank === 0 ? undefined : remedy);
  }
  if (!isSoft && target.dtype !== 'i32') {
    throw new DTypeError(`crossEntropy: labels must be i32, not ${target.dtype}. Use cast(labels, 'i32').`);
  }
  const classes = logits.shape[logits.rank - 1];
  checkNumber('crossEntropy: labelSmoothing', labelSmoothing, labelSmoothingRange);
  checkReduction('crossEntropy', reduction);
  if (weight !== undefined) checkWeight(weight, classes);
  if (ignoreIndex !== undefined) {
    checkNumber('crossEntropy: ignoreIndex', ignoreIndex, wholeNumbers(-(2 ** 31), 2 ** 31 - 1));
    if (isSoft) throw new RangeError('crossEntropy: soft targets have no label that ignoreIndex could name');
  }
  const isPlain = !isSoft && !weight && ignoreIndex === undefined && reduction === 'mean';
  if (isPlain && logits.rank === 2) {
    return apply(crossEntropyOp, [logits, target as Tensor<'i32'>], { smoothing: labelSmoothing })[0];
  }
  return tidy(() => {
    const batch = logits.shape.slice(0, -1);
    const rows = reshape(logits, [sizeOf(batch), classes]);
    const labels = reshape(target as Tensor<'i32'>, [target.size]);
    if (isPlain) return apply(crossEntropyOp, [rows, labels], { smoothing: labelSmoothing })[0];
    const attributes = { smoothing: labelSmoothing, ignoreIndex };
    const { losses, weights } = isSoft
      ? softLosses(rows, reshape(target as Tensor, rows.shape), labelSmoothing, weight)
      : labelLosses(rows, labels, weight ?? withBackend(logits.backend, () => ones([classes])), attributes);
    if (reduction === 'none') return reshape(losses, batch);
    if (reduction === 'sum') return sum(losses);
    return weights ? div(sum(losses), sum(weights)) : mean(losses);
  });
}

function checkWeight(weight: Tensor, classes: number): void {
  checkTensor('crossEntropy', weight, 'weight', ['f32']);
  if (sameShape(weight.shape, [classes])) return;
  throw new ShapeError('crossEntropy', `weight needs a factor for each of the ${classes} classes`, [
    { name: 'weight', shape: weight.shape },
  ]);
}

/** The losses of rows with labels, and their weights, 0 for those that do not count. */
function labelLosses(logits: Tensor, labels: Tensor<'i32'>, weight: Tensor, attributes: LabelAttributes) {
  const [targets, weights] = labelTargets(labels, stopGradient(weight), attributes);
  // Where the target is 0, the logarithm may be −∞ or, in a row that does not count, NaN.
  const terms = where(equal(targets, 0), 0, mul(targets, logSoftmax(logits)));
  return { losses: neg(sum(terms, { axes: 1 })), weights };
}

/** The losses of rows with soft targets, which all weigh the same. */
function softLosses(logits: Tensor, target: Tensor, smoothing: number, weight: Tensor | undefined) {
  const smoothed = smoothing > 0 ? add(mul(target, 1 - smoothing), smoothing / logits.shape[1]) : target;
  const weighted = weight ? mul(smoothed, stopGradient(weight)) : smoothed;
  return { losses: neg(sum(mulLogarithm(weighted, logSoftmax(logits)), { axes: 1 })), weights: null };
}

/** The second output, the probabilities, is for the gradient: ∂L/∂logits = (softmax − target) / batch. */
const crossEntropyOp = defineOp<
  [Tensor, Tensor<'i32'>],
  [Tensor, Tensor],
  { smoothing: number },
  [Tensor, Tensor<'i32'>]
>({
  name: 'crossEntropy',
  accepts: [['f32'], ['i32']],
  outputs: ([logits]) => [
    { dtype: 'f32', shape: [] },
    { dtype: 'f32', shape: logits.shape },
  ],
  reference(
    [{ values: logits, shape }, { values: labels }],
    [{ values: loss }, { values: probabilities }],
    { smoothing },
  ) {
    const [batch, classes] = shape;
    checkLabels(labels, classes);
    let total = 0;
    for (let n = 0; n < batch; n++) {
      const label = labels[n];
      const row = n * classes;
      let largest = Number.NEGATIVE_INFINITY;
      for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[row + c]);
      let sum = 0;
      let sumOfLogits = 0;
      for (let c = 0; c < classes; c++) {
        sum += Math.exp(logits[row + c] - largest);
        sumOfLogits += logits[row + c];
      }
      const logSum = largest + Math.log(sum);
      for (let c = 0; c < classes; c++) probabilities[row + c] = Math.exp(logits[row + c] - logSum);
      // Without smoothing, the logits of other classes may be −∞: the term must be left out, since 0 · ∞ is NaN.
      const smoothed = smoothing > 0 ? (smoothing / classes) * sumOfLogits : 0;
      total += logSum - (1 - smoothing) * logits[row + label] - smoothed;
    }
    loss[0] = total / batch;
  },
  fast([logits, labels], [loss, probabilities], { smoothing }) {
    checkLabels(labels.values, logits.shape[1]);
    crossEntropyByKernel(logits, labels, loss, probabilities, smoothing);
  },
  webgpu: ([logits, labels], [loss, probabilities], { smoothing }) =>
    crossEntropyOnGpu(logits, labels, loss, probabilities, smoothing),
  saves: ([, labels], [, probabilities]) => [probabilities, labels],
  gradient: (dy, { saved: [probabilities, labels], attributes }) => [
    () =>
      isRecording()
        ? crossEntropyGradientByOps(dy, probabilities, labels, attributes.smoothing)
        : apply(crossEntropyGradientOp, [dy, probabilities, labels], attributes)[0],
    null,
  ],
  // The rule of softmax. Second derivatives need it, since the gradient depends on the probabilities.
  furtherGradients: [
    (dp, { saved: [probabilities] }) => [
      () => mul(probabilities, sub(dp, sum(mul(dp, probabilities), { axes: 1, keepDims: true }))),
      null,
    ],
  ],
});

function checkLabels(labels: Int32Array, classes: number): void {
  labels.forEach((label, row) => {
    if (label < 0 || label >= classes) {
      throw new RangeError(`crossEntropy: label ${label} of row ${row} is outside 0 … ${classes - 1}`);
    }
  });
}

/** Tiny values are flushed to 0: a network that is sure of its predictions would produce denormal numbers. */
const crossEntropyGradientOp = defineOp<[Tensor, Tensor, Tensor<'i32'>], [Tensor], { smoothing: number }>({
  name: 'crossEntropyGradient',
  accepts: [['f32'], ['f32'], ['i32']],
  outputs: ([, probabilities]) => [{ dtype: 'f32', shape: probabilities.shape }],
  reference([{ values: dy }, { values: probabilities, shape }, { values: labels }], [{ values: dx }], { smoothing }) {
    const [batch, classes] = shape;
    for (let n = 0; n < batch; n++) {
      for (let c = 0; c < classes; c++) {
        const target = smoothing / classes + (c === labels[n] ? 1 - smoothing : 0);
        dx[n * classes + c] = flushed((dy[0] * (probabilities[n * classes + c] - target)) / batch);
      }
    }
  },
  fast: (inputs, [dx], { smoothing }) => crossEntropyGradientByKernel(inputs, dx, smoothing),
  webgpu: (inputs, [dx], { smoothing }) => crossEntropyGradientOnGpu(inputs, dx, smoothing),
});

/** `crossEntropyGradient` made of plain ops, so that it can be differentiated again. */
function crossEntropyGradientByOps(
  dy: Tensor,
  probabilities: Tensor,
  labels: Tensor<'i32'>,
  smoothing: number,
): Tensor {
  const [batch, classes] = probabilities.shape;
  const isLabel = equal(reshape(labels, [batch, 1]), arange(classes));
  const shifted = sub(probabilities, smoothing / classes);
  return mul(where(isLabel, sub(shifted, 1 - smoothing), shifted), mul(dy, 1 / batch));
}

/**
 * The loss of knowledge distillation (Hinton et al., 2015): T²·KL(p ‖ q), averaged over the batch, where the teacher's
 * probabilities are p = softmax(teacherLogits / T) and the student's are q = softmax(logits / T).
 *
 * The gradient with respect to the logits is T·(q − p) / batch. The factor T² keeps its size about the same for all
 * temperatures, so that the loss can be added to `crossEntropy` with a fixed weight.
 *
 * @param logits [batch, classes], those of the student.
 * @param teacherLogits [batch, classes]. Compute them with `noGradient`, unless the teacher is to be trained, too.
 * @param options.temperature T, from 0.01 to 1000: a higher one spreads the probabilities more evenly. Default 1.
 * @returns A scalar, in nats.
 * @throws ShapeError if the shapes differ or are not [batch, classes]; RangeError if T is out of range.
 * @example
 * ```ts
 * import { distillationLoss } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const teacher = tensor([[4, 0, -4]]);
 * const loss = (student: number[][]) => distillationLoss(tensor(student), teacher, { temperature: 4 }).values[0];
 * // Probabilities ignore a constant that is added to all logits of a row.
 * console.log(`${loss([[5, 1, -3]]).toFixed(3)} < ${loss([[4, 0, 0]]).toFixed(3)}`);
 * // → 0.000 < 0.861
 * ```
 */
export function distillationLoss(
  logits: Tensor,
  teacherLogits: Tensor,
  options: { temperature?: number } = {},
): Tensor {
  checkTensor('distillationLoss', logits, 'logits', ['f32']);
  checkTensor('distillationLoss', teacherLogits, 'teacherLogits', ['f32']);
  checkOptions('distillationLoss', options, ['temperature']);
  const { temperature = 1 } = options;
  if (logits.rank !== 2 || !sameShape(teacherLogits.shape, logits.shape)) {
    throw new ShapeError('distillationLoss', 'logits and teacherLogits must have the same shape [batch, classes]', [
      { name: 'logits', shape: logits.shape },
      { name: 'teacherLogits', shape: teacherLogits.shape },
    ]);
  }
  checkNumber('distillationLoss: temperature', temperature, temperatureRange);
  return tidy(() => {
    const [ofStudent, ofTeacher] = [logits, teacherLogits].map((x) => mul(x, 1 / temperature));
    const divergence = mul(softmax(ofTeacher), sub(logSoftmax(ofTeacher), logSoftmax(ofStudent)));
    return mul(sum(divergence), temperature ** 2 / logits.shape[0]);
  });
}
