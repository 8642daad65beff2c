import { checkChoice, checkOptions, checkTensor } from '../../check.js';
import { broadcastShapes } from '../../check-shape.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { forEachRun } from '../elementwise/broadcast.js';
import { sumTo } from '../reduce/sum.js';
import { areDots, dots } from './dots.wasm.js';
import { gemm, type ProductSize, transposed } from './gemm.wasm.js';

/** How `matmul` reads its operands. */
export interface MatmulOptions {
  /** Reads each matrix of a as its transpose, without a copy. Default false. */
  transposeA?: boolean;
  /** Reads each matrix of b as its transpose, without a copy. Default false. */
  transposeB?: boolean;
}

/**
 * Matrix product over the last two axes: [..., M, K] · [..., K, N] = [..., M, N].
 *
 *     c[..., i, j] = Σ_k  a[..., i, k] · b[..., k, j]
 *
 * The leading axes index the matrices, and broadcast as in NumPy. With `transposeA`, a is [..., K, M]; with
 * `transposeB`, b is [..., N, K].
 *
 * @param a f32 [..., M, K], or [..., K, M] with `transposeA`.
 * @param b f32 [..., K, N], or [..., N, K] with `transposeB`.
 * @returns f32 [..., M, N].
 * @throws ShapeError if the inner sizes K differ, the leading axes do not broadcast, or a rank is below 2.
 *
 * @example
 * ```ts
 * import { matmul, tensor } from '@mobinet/tensor';
 *
 * const weights = tensor([[1, 2, 3], [4, 5, 6]]); // [outFeatures, inFeatures], as in a linear layer
 * console.log(`${matmul(tensor([[1, 0, -1]]), weights, { transposeB: true })}`);
 * // → Tensor<f32> [1, 2]
 * // → [[-2.0000, -2.0000]]
 * ```
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  checkTensor('matmul', a, 'a');
  checkTensor('matmul', b, 'b');
  checkOptions('matmul', options, ['transposeA', 'transposeB']);
  const { transposeA = false, transposeB = false } = options;
  checkChoice('matmul: transposeA', transposeA, [true, false]);
  checkChoice('matmul: transposeB', transposeB, [true, false]);
  return apply(matmulOp, [a, b], { transposeA, transposeB })[0];
}

type MatmulAttributes = Required<MatmulOptions>;

const matmulOp = defineOp<[Tensor, Tensor], [Tensor], MatmulAttributes, [Tensor, Tensor]>({
  name: 'matmul',
  outputs([{ shape: a, label: labelOfA }, { shape: b, label: labelOfB }], attributes) {
    const operands = [
      { name: 'a', shape: a, note: labelOfA },
      { name: 'b', shape: b, note: labelOfB },
    ];
    if (a.length < 2 || b.length < 2) {
      throw new ShapeError(
        'matmul',
        'a and b must have at least 2 axes',
        operands,
        'Reshape a vector to [1, n] or [n, 1].',
      );
    }
    const [m, kOfA] = matrixShape(a, attributes.transposeA);
    const [kOfB, n] = matrixShape(b, attributes.transposeB);
    if (kOfA !== kOfB) {
      const read = `${attributes.transposeA ? 'aᵀ' : 'a'} · ${attributes.transposeB ? 'bᵀ' : 'b'}`;
      throw new ShapeError(
        'matmul',
        `a has inner size ${kOfA}, b has ${kOfB}`,
        operands,
        `In ${read}, the columns of the first must equal the rows of the second.`,
      );
    }
    return [{ dtype: 'f32', shape: [...broadcastShapes('matmul', a.slice(0, -2), b.slice(0, -2)), m, n] }];
  },
  reference: ([a, b], [c], attributes) => forEachProduct(a, b, c, attributes, product),
  fast([a, b], [c], attributes) {
    if (a.size === 0) c.values.fill(0);
    forEachProduct(a, b, c, attributes, (size, ...matrices) => {
      const [a, b, c] = matrices.map(inMemory);
      (areDots(size.m, a, b) ? dots : gemm)(size, a, b, c);
    });
  },
  webgpu([a, b], [c], { transposeA, transposeB }) {
    const [m, k] = matrixShape(a.shape, transposeA);
    const [, n] = matrixShape(b.shape, transposeB);
    const batches = [a, b, c].map(({ shape }) => shape.slice(0, -2));
    const onGpu = (tensor: Tensor, at: number, step: number, transpose: boolean) => {
      const matrix = transpose ? transposed(matrixAt(tensor, at)) : matrixAt(tensor, at);
      return { ...matrix, step: step * matrixAt(tensor, 1).offset };
    };
    forEachRun(batches[2], [batches[0], batches[1]], (at, end, [aAt, bAt], [aStep, bStep]) => {
      const operands = [onGpu(a, aAt, aStep, transposeA), onGpu(b, bAt, bStep, transposeB)] as const;
      gpuKernels().matmulOnGpu({ m, n, k }, ...operands, { tensor: c, first: at }, end - at);
    });
  },
  multiplyAdds: ([a], [c], { transposeA }) => c.size * matrixShape(a.shape, transposeA)[1],
  saves: (inputs) => inputs,
  // For C = A·B, dA = dC·Bᵀ and dB = Aᵀ·dC. The gradient of an operand that was read transposed is transposed, too.
  gradient: (dc, { saved: [a, b], attributes: { transposeA, transposeB } }) => [
    () => {
      const da = transposeA
        ? matmul(b, dc, { transposeA: transposeB, transposeB: true })
        : matmul(dc, b, { transposeB: !transposeB });
      return sumTo(da, a.shape);
    },
    () => {
      const db = transposeB
        ? matmul(dc, a, { transposeA: true, transposeB: transposeA })
        : matmul(a, dc, { transposeA: !transposeA });
      return sumTo(db, b.shape);
    },
  ],
});

/** Element (row, column) of the matrix is `tensor.values[offset + row·rowStride + column·columnStride]`. */
interface Matrix {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** The matrix as the kernels take it. */
function inMemory({ tensor, offset, ...strides }: Matrix) {
  return { address: tensor.address + 4 * offset, ...strides };
}

/** The definition of C = A·B for A [m, k], B [k, n], C [m, n]. */
function product({ m, n, k }: ProductSize, a: Matrix, b: Matrix, c: Matrix): void {
  const [aValues, bValues, cValues] = [a.tensor.values, b.tensor.values, c.tensor.values];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let step = 0; step < k; step++) {
        sum +=
          aValues[a.offset + i * a.rowStride + step * a.columnStride] *
          bValues[b.offset + step * b.rowStride + j * b.columnStride];
      }
      cValues[c.offset + i * c.rowStride + j * c.columnStride] = sum;
    }
  }
}

/** Visits the matrix products of a batched product, with operands transposed as the attributes say. */
function forEachProduct(
  a: Tensor,
  b: Tensor,
  c: Tensor,
  { transposeA, transposeB }: MatmulAttributes,
  visit: (size: ProductSize, a: Matrix, b: Matrix, c: Matrix) => void,
): void {
  const [m, k] = matrixShape(a.shape, transposeA);
  const [, n] = matrixShape(b.shape, transposeB);
  const batches = [a, b, c].map(({ shape }) => shape.slice(0, -2));
  forEachRun(batches[2], [batches[0], batches[1]], (at, end, [aAt, bAt], [aStep, bStep]) => {
    for (; at < end; at++, aAt += aStep, bAt += bStep) {
      const matrixA = matrixAt(a, aAt);
      const matrixB = matrixAt(b, bAt);
      visit(
        { m, n, k },
        transposeA ? transposed(matrixA) : matrixA,
        transposeB ? transposed(matrixB) : matrixB,
        matrixAt(c, at),
      );
    }
  });
}

function matrixShape(shape: Shape, transpose: boolean): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2);
  return transpose ? [columns, rows] : [rows, columns];
}

/** Matrix number `index` of a tensor. */
function matrixAt(tensor: Tensor, index: number): Matrix {
  const [rows, columns] = matrixShape(tensor.shape, false);
  return { tensor, offset: index * rows * columns, rowStride: columns, columnStride: 1 };
}
