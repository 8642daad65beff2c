import { test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { broadcastShapes, checkShape, normalizeAxes, normalizeAxis } from './check-shape.js';
import { ShapeError } from './errors.js';
import { formatShape, sameShape, sizeOf, stridesOf } from './shape.js';
import { broadcastableShapes, shapes } from './testing/index.js';

describe('shapes', () => {
  test('have sizes and strides', () => {
    expect([sizeOf([]), sizeOf([2, 3, 4]), sizeOf([2, 0])]).toEqual([1, 24, 0]);
    expect([stridesOf([]), stridesOf([2, 3, 4])]).toEqual([[], [12, 4, 1]]);
    expect(formatShape([2, 3])).toBe('[2, 3]');
  });

  test.prop([shapes(), shapes()])('sameShape compares axis by axis', (a, b) => {
    expect(sameShape(a, [...a])).toBe(true);
    expect(sameShape(a, b)).toBe(formatShape(a) === formatShape(b));
  });

  test.each([[[-1]], [[1.5]], [[NaN]], [[2, Infinity]]])('%j is not a shape', (shape) => {
    expect(() => checkShape('op', shape)).toThrow(
      new ShapeError('op', `${formatShape(shape)} is not a shape`, [], 'Every axis is a whole number, 0 or more.'),
    );
  });

  test('are copied by checkShape', () => {
    const shape = [2, 3];
    expect(checkShape('op', shape)).toEqual(shape);
    expect(checkShape('op', shape)).not.toBe(shape);
  });
});

describe('axes', () => {
  test('are counted from either end', () => {
    expect([0, 2, -1, -3].map((axis) => normalizeAxis('op', axis, 3))).toEqual([0, 2, 2, 0]);
    expect(normalizeAxes('op', [-1, 0], 3)).toEqual([0, 2]);
    expect(normalizeAxes('op', 1, 3)).toEqual([1]);
    expect(normalizeAxes('op', undefined, 3)).toEqual([0, 1, 2]);
  });

  test('must be in range, integers and distinct', () => {
    for (const axis of [3, -4, 0.5]) {
      expect(() => normalizeAxis('op', axis, 3)).toThrow(`op: axis ${axis} is out of range for a tensor of rank 3`);
    }
    expect(() => normalizeAxes('op', [0, -3], 3)).toThrow('op: axes [0,-3] repeat an axis');
  });
});

describe('broadcasting', () => {
  test.prop([broadcastableShapes()])('is symmetric, and both sides broadcast to the result', ([a, b]) => {
    const result = broadcastShapes('op', a, b);
    expect(broadcastShapes('op', b, a)).toEqual(result);
    expect(broadcastShapes('op', result, a)).toEqual(result);
    expect(result.length).toBe(Math.max(a.length, b.length));
  });

  test.prop([shapes({ minSize: 0 })])('with an equal shape, a scalar or ones leaves a shape unchanged', (shape) => {
    expect(broadcastShapes('op', shape, shape)).toEqual(shape);
    expect(broadcastShapes('op', shape, [])).toEqual(shape);
    expect(
      broadcastShapes(
        'op',
        shape,
        shape.map(() => 1),
      ),
    ).toEqual(shape);
  });

  test('explains incompatible shapes', () => {
    expect(() => broadcastShapes('add', [8, 3, 2], [4, 2])).toThrow(
      [
        'add: shapes [8, 3, 2] and [4, 2] do not broadcast',
        '  a  [8, 3, 2]',
        '  b  [4, 2]',
        'Hint: Counted from the end, axis 2 must be equal or 1 (here 3 and 4).',
      ].join('\n'),
    );
  });
});
