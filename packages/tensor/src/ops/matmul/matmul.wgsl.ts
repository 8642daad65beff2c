import type { Tensor } from '../../tensor.js';
import type { ProductSize } from './gemm.wasm.js';
import { GemmShader } from './gemm.wgsl.js';

/** Element (row, column) of matrix `batch` is at offset + batch·step + row·rowStride + column·columnStride. */
export interface MatricesOnGpu {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly step: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** `batches` products A·B. C is dense, and its matrices are consecutive, starting with number `first`. */
export function matmulOnGpu(
  size: ProductSize,
  a: MatricesOnGpu,
  b: MatricesOnGpu,
  c: { readonly tensor: Tensor; readonly first: number },
  batches: number,
): void {
  const shader = shaders[a.columnStride === 1 ? 'steps' : 'rows'][b.rowStride === 1 ? 'steps' : 'columns'];
  const parameters = {
    aOffset: a.offset,
    aStep: a.step,
    aRow: a.rowStride,
    aColumn: a.columnStride,
    bOffset: b.offset,
    bStep: b.step,
    bRow: b.rowStride,
    bColumn: b.columnStride,
    cFirst: c.first,
  };
  shader.run(size, { x: a.tensor, y: b.tensor }, c.tensor, parameters, { batches });
}

const make = (aAlongSteps: boolean, bAlongSteps: boolean) =>
  new GemmShader({
    name: `f32_gemm_${aAlongSteps ? 'n' : 't'}${bAlongSteps ? 't' : 'n'}`,
    reads: { x: 'f32', y: 'f32' },
    result: 'f32',
    parameters: {
      aOffset: 'u32',
      aStep: 'u32',
      aRow: 'u32',
      aColumn: 'u32',
      bOffset: 'u32',
      bStep: 'u32',
      bRow: 'u32',
      bColumn: 'u32',
      cFirst: 'u32',
    },
    element: 'f32',
    a: 'x[p.aOffset + batch * p.aStep + row * p.aRow + step * p.aColumn]',
    b: 'y[p.bOffset + batch * p.bStep + step * p.bRow + column * p.bColumn]',
    aAlongSteps,
    bAlongSteps,
    matrix: '(p.cFirst + batch)',
  });

const shaders = {
  steps: { steps: make(true, true), columns: make(true, false) },
  rows: { steps: make(false, true), columns: make(false, false) },
};
