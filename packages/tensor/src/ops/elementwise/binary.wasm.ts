import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import type { DType } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32x4,
  f32x4,
  forEachFour,
  forRange,
  type I32,
  i8x16,
  i32,
  i32x4,
  type Rest,
  storeByte,
  storeFour,
  storeLane,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import { type Axis, collapsedAxes } from './broadcast.js';
import { ElementwiseKernel } from './elementwise.wasm.js';
import { kernelName } from './kernel-name.js';

export type BinaryFormula = (a: F32x4, b: F32x4) => F32x4;

/** Arithmetic on two f32 operands, with broadcasting. */
export class ArithmeticKernel {
  readonly #sameShape: ElementwiseKernel;
  readonly #rows: RowsKernel;

  constructor(op: string, formula: BinaryFormula) {
    this.#sameShape = new ElementwiseKernel(kernelName(op), 2, ([a, b]) => formula(a, b));
    this.#rows = new RowsKernel(op, formula);
  }

  /** Returns false, having done nothing, for other dtypes and for broadcasts that no kernel supports. */
  run(a: Tensor, b: Tensor, y: Tensor): boolean {
    if (a.dtype !== 'f32') return false;
    if (a.size !== y.size || b.size !== y.size) return this.#rows.run(a, b, y);
    this.#sameShape.run([a, b], y);
    return true;
  }
}

/** The smallest block of rows, in elements, that a call of the kernel (70 ns) computes faster than the definition. */
const minBlock = 16;

const rowParameters = { a: i32, b: i32, y: i32, columns: i32, aRow: i32, bRow: i32 };

/**
 * A kernel for two f32 operands of different shapes. Along a row of the result, an operand advances with every element
 * or stays in place; the rows of either are evenly spaced. If there are more than two axes, the kernel is called once
 * for each block of rows.
 */
export class RowsKernel {
  /** By the steps of a and b within a row. */
  readonly #kernels: Readonly<Record<string, Kernel<typeof rowParameters>>>;

  /** @param result Whether the formula returns floats, or a mask, which is stored as bytes of 1 and 0. */
  constructor(
    op: string,
    formula: BinaryFormula,
    readonly result: 'f32' | 'u8' = 'f32',
  ) {
    const [elementBytes, put] = result === 'f32' ? [4, storeFour] : [1, storeMask];
    const kernel = (aStep: 0 | 1, bStep: 0 | 1) =>
      new Kernel(
        `f32_${kernelName(op)}_rows${aStep}${bStep}`,
        rowParameters,
        ({ a, b, y, columns, aRow, bRow }, from, to) => {
          const target = i32.variable(y.add(from.mul(columns).mul(elementBytes)), 'target');
          forRange(from, to, 1, (row) => {
            const [aAt, bAt] = [i32.variable(a.add(row.mul(aRow)), 'aAt'), i32.variable(b.add(row.mul(bRow)), 'bAt')];
            const [loadA, loadB] = [operand(aAt, aStep), operand(bAt, bStep)];
            forEachFour(columns, (_, rest) => {
              put(target, f32x4.variable(formula(loadA(), loadB())), rest);
              target.set(target.add(rest ? rest.mul(elementBytes) : 4 * elementBytes));
              if (aStep) aAt.set(aAt.add(16));
              if (bStep) bAt.set(bAt.add(16));
            });
          });
        },
      );
    this.#kernels = { '1,1': kernel(1, 1), '1,0': kernel(1, 0), '0,1': kernel(0, 1) };
  }

  /** Returns false, having done nothing, for broadcasts that it does not support. */
  run(a: Tensor<DType>, b: Tensor<DType>, y: Tensor<DType>): boolean {
    const axes = collapsedAxes(y.shape, [a.shape, b.shape]);
    const columns = axes.pop() ?? { size: 1, strides: [1, 1] };
    const rows = axes.pop() ?? { size: 1, strides: [0, 0] };
    const kernel = this.#kernels[columns.strides.join()];
    const block = rows.size * columns.size;
    if (!kernel || (axes.length > 0 && block < minBlock)) return false;
    const [aRow, bRow] = rows.strides.map((stride) => 4 * stride);
    const grain = chunksOf(rows.size, 3 + columns.size * 0.4);
    let yAt = y.address;
    forEachBlock(axes, a.address, b.address, (a, b) => {
      kernel.run({ a, b, y: yAt, columns: columns.size, aRow, bRow }, rows.size, { grain });
      yAt += block * (this.result === 'f32' ? 4 : 1);
    });
    return true;
  }
}

/** Visits the addresses of two f32 operands along the outer axes of a result, in row-major order. */
function forEachBlock([axis, ...inner]: readonly Axis[], a: number, b: number, visit: (a: number, b: number) => void) {
  if (!axis) {
    visit(a, b);
    return;
  }
  const [aStride, bStride] = axis.strides;
  for (let i = 0; i < axis.size; i++) forEachBlock(inner, a + 4 * i * aStride, b + 4 * i * bStride, visit);
}

/** Returns code for the next four elements of a row, or for the single one of the row, which is loaded once. */
function operand(at: Variable<I32>, step: 0 | 1): () => F32x4 {
  if (step === 1) return () => f32x4.load(at);
  const value = f32x4.variable(f32x4.loadSplat(at));
  return () => value;
}

/** Stores a mask of four lanes as bytes of 1 and 0. */
function storeMask(address: I32, mask: F32x4, rest: Rest): void {
  const words = mask.as(i32x4);
  const halves = words.narrowS(words);
  const bytes = i8x16.variable(halves.narrowS(halves).and(i8x16.const(1)), 'bytes');
  if (rest === null) storeLane(address, bytes, 0);
  else for (const lane of [0, 1, 2]) when(rest.gtS(lane), () => storeByte(address, bytes, lane, lane));
}
