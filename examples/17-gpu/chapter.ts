/**
 * The same operations on a GPU.
 *
 *     npm run chapter 17
 *
 * Opens a GPU, or a software adapter, by WebGPU; without either, says in one line how to get one. Writes a shader for
 * the operation of chapter 13, prints its WGSL, and compares what GPU and CPU compute: bits and integers are equal, and
 * many floats differ in their last bits.
 */
import {
  type AnyTensor,
  apply,
  BackendError,
  type BitTensor,
  bitMatmul,
  currentBackend,
  defineOp,
  exp,
  matmul,
  packBits,
  Rng,
  softmax,
  type Tensor,
  toBackend,
  useBackend,
  withBackend,
} from '@mobinet/tensor';
import { groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';

// 1. A shader: a function that runs once for each row. `linear` begins it with `i`, the index of the row.
const shader = new Shader('row_dots', {
  reads: { a: 'f32', b: 'f32' },
  writes: { y: 'f32' },
  parameters: { rows: 'u32', columns: 'u32' },
  workgroup: linearWorkgroup,
  main: `${linear('p.rows')}
  var total = 0.0;
  for (var j = 0u; j < p.columns; j++) {
    total += a[i * p.columns + j] * b[i * p.columns + j];
  }
  y[i] = total;`,
});
console.log(`${shader.code()}\n`);

// 2. The operation. `reference` serves tensors in the memory of the CPU, `webgpu` those in buffers of the GPU.
const rowDotsOp = defineOp<[Tensor, Tensor], [Tensor]>({
  name: 'rowDots',
  outputs: ([a]) => [{ dtype: 'f32', shape: [a.shape[0]] }],
  reference([{ values: a, shape }, { values: b }], [{ values: y }]) {
    const [rows, columns] = shape;
    for (let i = 0; i < rows; i++) {
      let total = 0;
      for (let j = 0; j < columns; j++) total += a[i * columns + j] * b[i * columns + j];
      y[i] = total;
    }
  },
  webgpu([a, b], [y]) {
    const [rows, columns] = a.shape;
    shader.run({ a, b }, { y }, { rows, columns }, groupsOf(rows));
  },
});

const operations: Record<string, (a: Tensor, b: Tensor) => AnyTensor> = {
  packBits: (a) => packBits(a),
  bitMatmul: (a, b) => bitMatmul(packBits(a), packBits(b)),
  rowDots: (a, b) => apply(rowDotsOp, [a, b], undefined)[0],
  exp: (a) => exp(a),
  softmax: (a) => softmax(a),
  matmul: (a, b) => matmul(a, b, { transposeB: true }),
};

// 3. The comparison. An operation runs where its inputs are; new tensors are made on the backend in use.
const rng = Rng.fromSeed(17);
const [a, b] = [rng.normal([130, 100]), rng.normal([130, 100])];
try {
  console.log((await useBackend('webgpu')).reason);
} catch (error) {
  if (!(error instanceof BackendError)) throw error;
  console.log(error.message);
}
if (currentBackend() === 'webgpu') await compare();

async function compare(): Promise<void> {
  const [a2, b2] = [toBackend(a), toBackend(b)];
  // Operations on a GPU only queue work, so its results cannot be read at once: `data()` waits for them.
  try {
    exp(a2).values;
    throw new Error('values of the GPU were read without waiting');
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    console.log(`${error.message}\n`);
  }
  console.log('operation    results   of them differ   by at most (of the largest)');
  for (const [name, operation] of Object.entries(operations)) {
    const expected = withBackend('cpu', () => operation(a, b));
    const found = await operation(a2, b2).data();
    const { differ, error } = difference(elementsOf(expected), found);
    const row = [found.length, differ].map((number) => String(number).padStart(8)).join('         ');
    console.log(`${name.padEnd(12)}${row}         ${error.toExponential(1)}`);
    const isExact = expected.dtype !== 'f32';
    if (isExact ? differ > 0 : error > 1e-4) throw new Error(`${name} on the GPU is not what the CPU computes`);
  }
}

/** The values of a tensor, or the words of signs. */
function elementsOf(x: AnyTensor): ArrayLike<number> {
  return x.dtype === 'bits' ? (x as BitTensor).words : (x as Tensor).values;
}

/** How many elements differ, and the largest difference, relative to the largest element. */
function difference(expected: ArrayLike<number>, found: ArrayLike<number>): { differ: number; error: number } {
  let [differ, error, largest] = [0, 0, 0];
  for (let at = 0; at < expected.length; at++) {
    if (found[at] !== expected[at]) differ++;
    error = Math.max(error, Math.abs(found[at] - expected[at]));
    largest = Math.max(largest, Math.abs(expected[at]));
  }
  return { differ, error: error / largest };
}
