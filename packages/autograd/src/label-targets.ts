import { apply, defineOp, type Tensor } from '@mobinet/tensor/functions';
import { labelTargetsOnGpu } from './label-targets.wgsl.js';

/** How labels become targets. */
export interface LabelAttributes {
  /** ε of label smoothing. */
  readonly smoothing: number;
  /** The label of rows that do not count, if there is one. */
  readonly ignoreIndex: number | undefined;
}

/**
 * The targets that labels stand for, times the weights of the classes:
 *
 *     targets[n, c] = weight[c]·((1 − ε)·[c = labels[n]] + ε/classes),   weights[n] = weight[labels[n]]
 *
 * In a row that does not count, all of them are 0.
 *
 * @param labels [rows]
 * @param weight [classes]
 * @returns targets [rows, classes] and weights [rows].
 * @throws RangeError for a label outside 0 … classes − 1 that is not `ignoreIndex`. A GPU cannot throw: there, the
 *   targets and the weight of its row are NaN.
 */
export function labelTargets(
  labels: Tensor<'i32'>,
  weight: Tensor,
  attributes: LabelAttributes,
): readonly [targets: Tensor, weights: Tensor] {
  return apply(labelTargetsOp, [labels, weight], attributes);
}

const labelTargetsOp = defineOp<[Tensor<'i32'>, Tensor], [Tensor, Tensor], LabelAttributes>({
  name: 'labelTargets',
  accepts: [['i32'], ['f32']],
  outputs: ([{ shape: rows }, { shape: classes }]) => [
    { dtype: 'f32', shape: [...rows, ...classes] },
    { dtype: 'f32', shape: rows },
  ],
  reference(
    [{ values: labels }, { values: weight }],
    [{ values: targets }, { values: weights }],
    { smoothing, ignoreIndex },
  ) {
    const classes = weight.length;
    labels.forEach((label, row) => {
      const counts = label !== ignoreIndex;
      if (counts && (label < 0 || label >= classes)) {
        throw new RangeError(`crossEntropy: label ${label} of row ${row} is outside 0 … ${classes - 1}`);
      }
      weights[row] = counts ? weight[label] : 0;
      for (let c = 0; c < classes; c++) {
        const target = smoothing / classes + (c === label ? 1 - smoothing : 0);
        targets[row * classes + c] = counts ? weight[c] * target : 0;
      }
    });
  },
  webgpu: (inputs, outputs, { smoothing, ignoreIndex }) => labelTargetsOnGpu(inputs, outputs, smoothing, ignoreIndex),
});
