import {
  apply,
  arange,
  checkNumber,
  checkOptions,
  checkTensor,
  DTypeError,
  defineOp,
  equal,
  isRecording,
  logSoftmax,
  mean,
  mul,
  reshape,
  ShapeError,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
  tidy,
  where,
} from '@mobinet/tensor/functions';
import { flushed } from '@mobinet/tensor/kernels';
import { crossEntropyByKernel, crossEntropyGradientByKernel } from './losses.wasm.js';
import { crossEntropyGradientOnGpu, crossEntropyOnGpu } from './losses.wgsl.js';
import { labelSmoothingRange, temperatureRange } from './ranges.js';

/**
 * Softmax cross-entropy, averaged over the batch: −log softmax(logits)[label] of each row.
 *
 * With label smoothing ε, the target of row n is (1 − ε)·onehot(labels[n]) + ε/classes (Szegedy et al., 2016).
 *
 * @param logits [batch, classes]
 * @param labels [batch], the class index of each row.
 * @param options.labelSmoothing ε, from 0 to 1. Default 0.
 * @returns A scalar, in nats.
 * @throws ShapeError or DTypeError if the operands do not fit.
 * @throws RangeError if ε is out of range, or a label is not in 0 … classes − 1. A GPU cannot throw for a label: there,
 *   the loss is NaN.
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
 */
export function crossEntropy(logits: Tensor, labels: Tensor<'i32'>, options: { labelSmoothing?: number } = {}): Tensor {
  checkTensor('crossEntropy', logits, 'logits');
  checkTensor('crossEntropy', labels, 'labels');
  checkOptions('crossEntropy', options, ['labelSmoothing']);
  const { labelSmoothing = 0 } = options;
  if (logits.rank !== 2 || labels.rank !== 1 || labels.shape[0] !== logits.shape[0]) {
    throw new ShapeError('crossEntropy', 'every row of logits needs one label', [
      { name: 'logits', shape: logits.shape, note: 'batch, classes' },
      { name: 'labels', shape: labels.shape, note: 'batch' },
    ]);
  }
  if (labels.dtype !== 'i32') {
    throw new DTypeError(`crossEntropy: labels must be i32, not ${labels.dtype}. Use cast(labels, 'i32').`);
  }
  checkNumber('crossEntropy: labelSmoothing', labelSmoothing, labelSmoothingRange);
  return apply(crossEntropyOp, [logits, labels], { smoothing: labelSmoothing })[0];
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
  checkTensor('distillationLoss', logits, 'logits');
  checkTensor('distillationLoss', teacherLogits, 'teacherLogits');
  checkOptions('distillationLoss', options, ['temperature']);
  const { temperature = 1 } = options;
  if (logits.rank !== 2 || teacherLogits.shape.join() !== logits.shape.join()) {
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

/**
 * Mean squared error: the mean of (prediction − target)² over all elements.
 *
 * @param prediction Any shape.
 * @param target The same shape.
 * @returns A scalar.
 * @throws ShapeError if the shapes differ.
 * @example
 * ```ts
 * import { mse } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log(mse(tensor([1, 2]), tensor([1, 6])).values[0]);
 * // → 8
 * ```
 */
export function mse(prediction: Tensor, target: Tensor): Tensor {
  checkTensor('mse', prediction, 'prediction');
  checkTensor('mse', target, 'target');
  if (prediction.shape.join() !== target.shape.join()) {
    throw new ShapeError('mse', 'prediction and target must have the same shape', [
      { name: 'prediction', shape: prediction.shape },
      { name: 'target', shape: target.shape },
    ]);
  }
  return tidy(() => mean(square(sub(prediction, target))));
}
