import { fc, test } from '@fast-check/vitest';
import { describe } from 'vitest';
import { arange } from '../../create.js';
import type { DType } from '../../dtype.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { borderSizes, withoutDifferences } from '../borders.test.helper.js';
import { broadcastTo } from './broadcast-to.js';
import { concat } from './concat.js';
import { pad } from './pad.js';
import { reshape } from './reshape.js';
import { slice } from './slice.js';

/** Elements of one, two and four bytes, whose rows end at vectors, at words, and in between. */
const dtypes = fc.constantFrom<DType>('u8', 'i16', 'f32', 'i32');
const rows = fc.constantFrom(1, 2, 3, 7);

/** 1, 2, 3, …: nearby elements differ, also as bytes. */
const counted = <D extends DType>(dtype: D, shape: Shape): Tensor<D> =>
  reshape(arange(1, 1 + sizeOf(shape), 1, dtype), shape);

describe('copies of rows', () => {
  test.prop([dtypes, rows, borderSizes, borderSizes], { numRuns: 80 })(
    'join parts along the last axis',
    (dtype, rows, left, right) => {
      const parts = [left, right, left].map((columns) => counted(dtype, [2, rows, columns]));
      checkOp((...parts) => concat(parts as Tensor<DType>[], -1), parts, withoutDifferences);
    },
  );

  test.prop([dtypes, rows, borderSizes], { numRuns: 60 })('join parts along an inner axis', (dtype, rows, columns) => {
    const parts = [rows, 1, 2].map((size) => counted(dtype, [2, size, columns]));
    checkOp((...parts) => concat(parts as Tensor<DType>[], 1), parts, withoutDifferences);
  });

  test.prop([dtypes, rows, borderSizes, fc.nat(), fc.nat()], { numRuns: 100 })(
    'cut out parts at any position',
    (dtype, rows, columns, from, cut) => {
      const x = counted(dtype, [3, rows + 1, columns + 1]);
      const start = [1, from % (rows + 1), from % (columns + 1)];
      const end = [undefined, undefined, columns + 1 - (cut % (columns + 1 - start[2]))];
      checkOp((x) => slice(x as Tensor<DType>, start, end), [x], withoutDifferences);
    },
  );

  test.prop([dtypes, rows, borderSizes, fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 17 })], {
    numRuns: 100,
  })('pad parts of any width', (dtype, rows, columns, before, after) => {
    const pads = [
      [0, 1],
      [before, 0],
      [before, after],
    ] as const;
    checkOp(
      (x) => pad(x as Tensor<DType>, pads, { value: 9 }),
      [counted(dtype, [2, rows, columns])],
      withoutDifferences,
    );
  });

  test.prop([dtypes, rows, borderSizes], { numRuns: 60 })('repeat rows', (dtype, rows, columns) => {
    const [one, each] = [counted(dtype, [columns]), counted(dtype, [2, 1, columns])];
    checkOp((x) => broadcastTo(x as Tensor<DType>, [2, rows, columns]), [one], withoutDifferences);
    checkOp((x) => broadcastTo(x as Tensor<DType>, [2, rows, columns]), [each], withoutDifferences);
    checkOp((x) => broadcastTo(x as Tensor<DType>, [rows, 2, 1, columns]), [each], withoutDifferences);
  });
});
