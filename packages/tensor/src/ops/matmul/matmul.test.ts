import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { eye, tensor, zeros } from '../../create.js';
import { type Shape, sizeOf } from '../../shape.js';
import { broadcastableShapes, checkOp, tensors } from '../../testing/index.js';
import { matmul } from './matmul.js';

const size = fc.integer({ min: 1, max: 9 });

/** Two batches of matrices whose shapes match, transposed or not. */
const products = fc
  .record({
    batches: broadcastableShapes({ maxRank: 2, maxSize: 3 }),
    m: size,
    k: size,
    n: size,
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
  })
  .chain(({ batches: [batchA, batchB], m, k, n, transposeA, transposeB }) =>
    fc.record({
      a: tensors([...batchA, ...(transposeA ? [k, m] : [m, k])]),
      b: tensors([...batchB, ...(transposeB ? [n, k] : [k, n])]),
      options: fc.constant({ transposeA, transposeB }),
    }),
  );

describe('matmul', () => {
  test.prop([products], { numRuns: 20 })('obeys the laws of ops', ({ a, b, options }) => {
    checkOp((a, b) => matmul(a, b, options), [a, b]);
  });

  test.prop([products], { numRuns: 60 })('is the sum of products', ({ a, b, options }) => {
    const c = matmul(a, b, options);
    const element = (shape: Shape, values: Float32Array, batch: number[], row: number, column: number): number => {
      const index = [...batch.slice(batch.length + 2 - shape.length), row, column];
      return values[index.reduce((at, position, axis) => at * shape[axis] + (shape[axis] === 1 ? 0 : position), 0)];
    };
    const [m, n] = c.shape.slice(-2);
    const k = a.shape.at(options.transposeA ? -2 : -1)!;
    const batchShape = c.shape.slice(0, -2);
    for (let product = 0; product < sizeOf(batchShape); product++) {
      let rest = product;
      const batch = batchShape.toReversed().map((size) => {
        const position = rest % size;
        rest = Math.floor(rest / size);
        return position;
      });
      batch.reverse();
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let step = 0; step < k; step++) {
            const left = options.transposeA ? ([step, i] as const) : ([i, step] as const);
            const right = options.transposeB ? ([j, step] as const) : ([step, j] as const);
            sum += element(a.shape, a.values, batch, ...left) * element(b.shape, b.values, batch, ...right);
          }
          expect(c.values[(product * m + i) * n + j]).toBeCloseTo(sum, 4);
        }
      }
    }
  });

  test('leaves a matrix unchanged when multiplied by the identity', () => {
    const a = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(matmul(a, eye(3)).values).toEqual(a.values);
    expect(matmul(eye(2), a).values).toEqual(a.values);
  });

  test('explains sizes that do not match', () => {
    expect(() => matmul(zeros([2, 3]), zeros([3, 4]), { transposeB: true })).toThrow(
      [
        'matmul: a has inner size 3, b has 4',
        '  a  [2, 3]',
        '  b  [3, 4]',
        'Hint: In a · bᵀ, the columns of the first must equal the rows of the second.',
      ].join('\n'),
    );
    expect(() => matmul(zeros([3]), zeros([3, 1]))).toThrow('at least 2 axes');
    expect(() => matmul(zeros([2, 1, 1]), zeros([3, 1, 1]))).toThrow('do not broadcast');
  });
});
