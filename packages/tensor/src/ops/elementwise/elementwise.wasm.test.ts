import { fc, test } from '@fast-check/vitest';
import { describe } from 'vitest';
import { tensor } from '../../create.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { borderSizes, gradientOf, rngs, sprinkled, withoutDifferences } from '../borders.test.helper.js';
import { clip, leakyRelu, relu, sigmoid, tanh } from './activation.js';
import { add, div, maximum, minimum, mod, mul, pow, sub } from './binary.js';
import { cast } from './cast.js';
import { equal, greater, greaterEqual, less, lessEqual, notEqual } from './compare.js';
import { elu } from './elu.js';
import { erf } from './erf.js';
import { gelu } from './gelu.js';
import { hardSwish } from './hard-swish.js';
import { logicalAnd, logicalNot, logicalOr, logicalXor } from './logical.js';
import { expm1, log1p } from './near-zero.js';
import { isFinite as areFinite, isNaN as areNaN } from './predicates.js';
import { ceil, floor, round, trunc } from './rounding.js';
import { silu } from './silu.js';
import { softplus } from './softplus.js';
import { cos, sin, tan } from './trigonometric.js';
import { abs, exp, log, neg, sign, sqrt, square } from './unary.js';
import { where } from './where.js';

const specials = [0, -0, 1, -1, 1e-40, -1e-40, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];

describe('kernels of one operand', () => {
  const functions: Record<string, (x: Tensor) => Tensor> = {
    neg,
    abs,
    sqrt,
    square,
    sign,
    exp,
    log,
    sigmoid,
    tanh,
    sin,
    cos,
    tan,
    log1p,
    expm1,
    erf,
    floor,
    ceil,
    round,
    trunc,
    gelu: (x) => gelu(x),
    'gelu, by tanh': (x) => gelu(x, { approximate: 'tanh' }),
    silu,
    softplus: (x) => softplus(x, { beta: 1.5, threshold: 2 }),
    elu: (x) => elu(x, { alpha: 0.75 }),
    hardSwish,
    relu,
    leakyRelu: (x) => leakyRelu(x, 0.2),
    clip: (x) => clip(x, -0.5, 0.75),
  };

  test.prop([fc.constantFrom(...Object.keys(functions)), borderSizes, rngs], { numRuns: 150 })(
    'agree with the definitions, special values included, at and near the limits of vectors and items',
    (name, size, rng) => {
      const x = sprinkled(rng, [size], specials);
      checkOp(functions[name], [x], withoutDifferences);
    },
  );

  test.prop([fc.constantFrom(...Object.keys(functions)), borderSizes, rngs], { numRuns: 150 })(
    'agree with the definitions in their gradients, too',
    (name, size, rng) => {
      // Within the domains of log, sqrt and 1/√x, and where squares and exponentials do not overflow.
      const x = ['log', 'sqrt', 'log1p'].includes(name)
        ? rng.uniform([size], 0.1, 3)
        : sprinkled(rng, [size], ['square', 'tan'].includes(name) ? [0, -0, 1, -1] : [0, -0, 1, -1, 1e20, -3e38]);
      checkOp(gradientOf(functions[name], 0), [rng.split('dy').normal([size]), x], withoutDifferences);
    },
  );
});

/** Pairs of shapes that broadcast. Kernels compute most of them row by row, and the definition the others. */
// biome-ignore format: a table
const broadcasts = (rows: number, columns: number): [a: Shape, b: Shape][] => [
  [[rows, columns], [rows, columns]],
  [[rows, columns], [columns]],
  [[columns], [rows, columns]],
  [[rows, columns], [rows, 1]],
  [[rows, 1], [rows, columns]],
  [[rows, 1], [columns]],
  [[1, columns], [rows, 1]],
  [[rows, columns], []],
  [[1, 1], [rows, columns]],
  [[2, rows, columns], [rows, columns]],
  [[2, 1, columns], [2, rows, 1]],
  [[2, rows, columns], [2, 1, columns]],
];

const pairs = fc
  .record({ rows: fc.constantFrom(1, 2, 3, 5), columns: borderSizes, index: fc.nat({ max: 11 }), rng: rngs })
  .map(({ rows, columns, index, rng }) => ({ shapes: broadcasts(rows, columns)[index], rng }));

describe('kernels of two operands', () => {
  const operations = { add, sub, mul, div, mod, maximum, minimum };

  test.prop([fc.constantFrom(...Object.values(operations)), pairs], { numRuns: 200 })(
    'read each operand where the definition does, special values included',
    (op, { shapes, rng }) => {
      const [a, b] = shapes.map((shape, side) => sprinkled(rng.split(side), shape, specials));
      checkOp((a: Tensor, b: Tensor) => op(a, b), [a, b], withoutDifferences);
    },
  );

  test.prop([pairs], { numRuns: 60 })('agree with the definition of pow', ({ shapes: [aShape, bShape], rng }) => {
    const operands: [Tensor, Tensor] = [rng.split('a').uniform(aShape, 0, 3), rng.split('b').normal(bShape)];
    checkOp((a: Tensor, b: Tensor) => pow(a, b), operands, withoutDifferences);
  });

  test.prop([fc.constantFrom(add, sub, mul, div, maximum, minimum, pow), fc.constantFrom(0, 1), pairs], {
    numRuns: 120,
  })(
    'have the gradients of the definitions, summed to the shapes of the operands',
    (op, input, { shapes: [aShape, bShape], rng }) => {
      const [a, b] = [rng.split('a').uniform(aShape, 0.5, 2), rng.split('b').uniform(bShape, 0.5, 2)];
      const dy = rng.split('dy').normal(add(a, b).shape);
      checkOp(
        gradientOf((a, b) => op(a, b), input),
        [dy, a, b],
        withoutDifferences,
      );
    },
  );
});

describe('kernels of comparisons', () => {
  const comparisons = [
    ...[equal, notEqual, less, lessEqual, greater, greaterEqual],
    ...[logicalAnd, logicalOr, logicalXor],
  ] as const;

  test.prop([fc.constantFrom(...comparisons), pairs], { numRuns: 200 })(
    'agree with the definitions, also for equal numbers and NaN',
    (op, { shapes, rng }) => {
      const [a, b] = shapes.map((shape, side) => sprinkled(rng.split(side), shape, specials));
      checkOp((a: Tensor, b: Tensor) => op(a, b), [a, b], withoutDifferences);
    },
  );

  test.prop([fc.constantFrom(...comparisons), borderSizes, fc.constantFrom(0, 1, Number.NaN), rngs], { numRuns: 100 })(
    'accept a number on either side',
    (op, size, number, rng) => {
      const x = sprinkled(rng, [size], specials);
      checkOp((x: Tensor) => op(x, number), [x], withoutDifferences);
      checkOp((x: Tensor) => op(number, x), [x], withoutDifferences);
    },
  );
});

describe('kernels of tests', () => {
  test.prop([fc.constantFrom(areNaN, areFinite, logicalNot), borderSizes, rngs], { numRuns: 60 })(
    'agree with the definitions, also for NaN and infinities',
    (op, size, rng) => {
      checkOp((x: Tensor) => op(x), [sprinkled(rng, [size], specials)], withoutDifferences);
    },
  );
});

describe('the kernel of where', () => {
  const choices = fc.record({ size: borderSizes, rng: rngs }).map(({ size, rng }) => ({
    // Every byte except 0 counts as true.
    condition: cast(rng.split('condition').uniform([size], 0, 3), 'u8'),
    a: sprinkled(rng.split('a'), [size], specials),
    b: sprinkled(rng.split('b'), [size], specials),
    dy: rng.split('dy').normal([size]),
  }));

  test.prop([choices], { numRuns: 60 })('selects from two tensors', ({ condition, a, b }) => {
    checkOp((condition: Tensor<'u8'>, a: Tensor, b: Tensor) => where(condition, a, b), [condition, a, b], {
      gradient: false,
    });
  });

  test.prop([choices], { numRuns: 60 })('selects from a tensor and a number', ({ condition, a, b }) => {
    checkOp((b: Tensor) => where(condition, 0.5, b), [b], withoutDifferences);
    checkOp((a: Tensor) => where(condition, a, -0.5), [a], withoutDifferences);
    checkOp((b: Tensor) => where(condition, tensor([[0.5]]), b), [b], withoutDifferences);
  });

  test.prop([choices, fc.constantFrom(0, 1)], { numRuns: 60 })(
    'passes each gradient to the selected operand',
    ({ condition, a, b, dy }, input) => {
      checkOp(
        gradientOf((a, b) => where(condition, a, b), input + 1),
        [dy, a, b],
        withoutDifferences,
      );
    },
  );
});
