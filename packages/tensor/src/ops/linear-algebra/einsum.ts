import { checkTensor } from '../../check.js';
import { broadcastShapes } from '../../check-shape.js';
import { tidy } from '../../scope.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { mul } from '../elementwise/binary.js';
import { matmul } from '../matmul/matmul.js';
import { sum } from '../reduce/sum.js';
import { reshape } from '../shape/reshape.js';
import { transpose } from '../shape/transpose.js';
import { takeDiagonal } from './diagonal.js';
import { type Labels, readEquation } from './einsum-equation.js';

/**
 * Multiplies tensors and sums over axes, as an equation in Einstein's notation says:
 *
 *     'bij,bjk->bik'    y[b, i, k] = Σ_j  x₀[b, i, j] · x₁[b, j, k]
 *
 * Each axis has a letter. Letters that are missing after `->` are summed over. The same letter in several tensors means
 * the same index, and twice in one tensor, a diagonal. `...` stands for any further axes, which broadcast; so do axes of
 * size 1. Without `->`, the result has the axes of `...`, and then the letters that occur once, in alphabetical order
 * (capitals first). Spaces do not matter. All of this is as in PyTorch; NumPy differs in that a result must have the
 * `...` of its terms.
 *
 * Tensors are multiplied from left to right, two at a time, by `matmul` where an index is summed over.
 *
 * @param equation One term for each tensor.
 * @param tensors f32, each with one axis for each letter of its term.
 * @returns f32, one axis for each letter of the result.
 * @throws RangeError for a malformed equation.
 * @throws ShapeError if a tensor does not fit its term, or sizes differ.
 * @throws DTypeError if a tensor is not f32.
 *
 * @example
 * ```ts
 * import { einsum, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(`trace ${einsum('ii->', x).values}, sums of columns ${einsum('ij->j', x).values}`);
 * // → trace 5, sums of columns 4,6
 * console.log(`${einsum('i,ij,j->', tensor([1, 1]), x, tensor([1, -1])).values}`); // a bilinear form
 * // → -2
 * ```
 */
export function einsum(equation: string, ...tensors: readonly Tensor[]): Tensor {
  tensors.forEach((x, index) => {
    checkTensor('einsum', x, `tensor ${index}`, ['f32']);
  });
  const { operands, output } = readEquation(
    equation,
    tensors.map(({ shape }) => shape),
  );
  return tidy(() => {
    const factors = tensors.map((x, index) => withoutRepeats({ x, labels: operands[index] }));
    const product = factors.reduce((left, right, index) => {
      const later = factors.slice(index + 1).flatMap(({ labels }) => labels);
      return multiply(left, right, [...output, ...later]);
    });
    const { x } = arrange(sumOut(product, output), output);
    return reshape(x, x.shape); // a view, since x may be one of the tensors
  });
}

/** A tensor and the labels of its axes. */
interface Factor {
  readonly x: Tensor;
  readonly labels: Labels;
}

/** The sizes of the axes with these labels. */
const sizesOf = ({ x, labels }: Factor, of: Labels): Shape => of.map((label) => x.shape[labels.indexOf(label)]);

/** Takes the diagonal along axes with the same label, until all labels are different. */
function withoutRepeats(factor: Factor): Factor {
  const { labels } = factor;
  const repeated = labels.find((label, axis) => labels.indexOf(label) !== axis);
  if (repeated === undefined) return factor;
  const [first, second] = labels.flatMap((label, axis) => (label === repeated ? [axis] : []));
  const rest = [...labels.keys()].filter((axis) => axis !== first && axis !== second);
  const diagonal = takeDiagonal(transpose(factor.x, [first, second, ...rest]), 0);
  return withoutRepeats({ x: diagonal, labels: [repeated, ...rest.map((axis) => labels[axis])] });
}

/** Sums over all axes but those with the given labels. */
function sumOut({ x, labels }: Factor, kept: Labels): Factor {
  const axes = labels.flatMap((label, axis) => (kept.includes(label) ? [] : [axis]));
  if (axes.length === 0) return { x, labels };
  return { x: sum(x, { axes }), labels: labels.filter((label) => kept.includes(label)) };
}

/** Puts the axes in the order of the labels. */
function arrange({ x, labels }: Factor, order: Labels): Factor {
  if (isSame(labels, order)) return { x, labels };
  const permutation = order.map((label) => labels.indexOf(label));
  return { x: transpose(x, permutation), labels: order };
}

const isSame = (a: Labels, b: Labels): boolean => a.every((label, at) => label === b[at]);

/** Multiplies two factors, and sums over the labels that neither the result nor a later factor needs. */
function multiply(left: Factor, right: Factor, needed: Labels): Factor {
  // A label of one factor alone is summed before the product, and so is one whose axis has size 1 in the other factor.
  const shared = left.labels.filter((label) => right.labels.includes(label));
  const both = shared.filter((label) => isSameSize(left, right, label));
  const [a, b] = [left, right].map((factor) => sumOut(factor, [...needed, ...both])) as [Factor, Factor];

  const batch = a.labels.filter((label) => b.labels.includes(label) && needed.includes(label));
  const summed = a.labels.filter((label) => b.labels.includes(label) && !needed.includes(label));
  const rows = a.labels.filter((label) => !b.labels.includes(label));
  const columns = b.labels.filter((label) => !a.labels.includes(label));
  const [ofRows, ofColumns] = [sizesOf(a, rows), sizesOf(b, columns)];

  const labels = [...batch, ...rows, ...columns];
  if (summed.length === 0) {
    const tall = reshape(arrange(a, [...batch, ...rows]).x, [...sizesOf(a, batch), ...ofRows, ...columns.map(() => 1)]);
    const wide = reshape(arrange(b, [...batch, ...columns]).x, [
      ...sizesOf(b, batch),
      ...rows.map(() => 1),
      ...ofColumns,
    ]);
    return { x: mul(tall, wide), labels };
  }
  const [matrixA, matrixB] = [matrices(a, batch, rows, summed), matrices(b, batch, summed, columns)];
  const product = matmul(matrixA.x, matrixB.x, { transposeA: matrixA.transposed, transposeB: matrixB.transposed });
  const ofBatch = broadcastShapes('einsum', sizesOf(a, batch), sizesOf(b, batch));
  return { x: reshape(product, [...ofBatch, ...ofRows, ...ofColumns]), labels };
}

const isSameSize = (a: Factor, b: Factor, label: string): boolean => sizesOf(a, [label])[0] === sizesOf(b, [label])[0];

/** A batch of matrices, with rows and columns of several labels. They may be read transposed, which saves a copy. */
function matrices(
  factor: Factor,
  batch: Labels,
  rows: Labels,
  columns: Labels,
): { readonly x: Tensor; readonly transposed: boolean } {
  const transposed = isSame(factor.labels, [...batch, ...columns, ...rows]);
  const [outer, inner] = transposed ? [columns, rows] : [rows, columns];
  const { x } = arrange(factor, [...batch, ...outer, ...inner]);
  const [height, width] = [outer, inner].map((labels) => sizeOf(sizesOf(factor, labels)));
  return { x: reshape(x, [...sizesOf(factor, batch), height, width]), transposed };
}
