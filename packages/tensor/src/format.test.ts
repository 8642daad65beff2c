import { describe, expect, test } from 'vitest';
import { arange, eye, scalar, tensor, zeros } from './create.js';

const lines = (...text: string[]) => text.join('\n');

describe('printing', () => {
  test('aligns columns', () => {
    const x = tensor([
      [1, 2.5, -3],
      [0, 0.125, 4],
    ]);
    expect(String(x)).toBe(
      lines('Tensor<f32> [2, 3]', '[[ 1.0000,  2.5000, -3.0000],', ' [ 0.0000,  0.1250,  4.0000]]'),
    );
  });

  test('shows integers without decimals', () => {
    expect(String(tensor([1, -20, 300], { dtype: 'i32' }))).toBe(lines('Tensor<i32> [3]', '[  1, -20, 300]'));
    expect(String(tensor(new Uint8Array([0, 255])))).toBe(lines('Tensor<u8> [2]', '[  0, 255]'));
  });

  test('supports scalars and empty tensors', () => {
    expect(String(scalar(0.5))).toBe(lines('Tensor<f32> []', '0.5000'));
    expect(String(zeros([0]))).toBe(lines('Tensor<f32> [0]', '[]'));
    expect(String(zeros([2, 0]))).toBe(lines('Tensor<f32> [2, 0]', '[[],', ' []]'));
  });

  test('separates the matrices along a third axis by blank lines', () => {
    expect(String(arange(0, 8).alias([2, 2, 2]))).toBe(
      lines('Tensor<i32> [2, 2, 2]', '[[[0, 1],', '  [2, 3]],', '', ' [[4, 5],', '  [6, 7]]]'),
    );
  });

  test('shortens long axes, and only those', () => {
    expect(String(arange(7))).toBe(lines('Tensor<i32> [7]', '[0, 1, 2, 3, 4, 5, 6]'));
    expect(String(arange(1000))).toBe(lines('Tensor<i32> [1000]', '[  0,   1,   2, …, 997, 998, 999]'));
    expect(String(eye(8).alias([32, 2]))).toBe(
      lines(
        'Tensor<f32> [32, 2]',
        '[[1.0000, 0.0000],',
        ' [0.0000, 0.0000],',
        ' [0.0000, 0.0000],',
        ' …,',
        ' [0.0000, 0.0000],',
        ' [0.0000, 0.0000],',
        ' [0.0000, 1.0000]]',
      ),
    );
  });

  test('uses one notation, which is scientific if magnitudes differ widely', () => {
    expect(String(tensor([1e-5, 0]))).toBe(lines('Tensor<f32> [2]', '[1.0000e-5, 0.0000e+0]'));
    expect(String(tensor([2e9, -1]))).toBe(lines('Tensor<f32> [2]', '[ 2.0000e+9, -1.0000e+0]'));
  });

  test('shows infinities and NaN', () => {
    expect(String(tensor([NaN, -Infinity, 1]))).toBe(lines('Tensor<f32> [3]', '[   nan,   -inf, 1.0000]'));
  });

  test('supports any number of axes', () => {
    expect(String(zeros(new Array<number>(7).fill(2)))).toMatch(/^Tensor<f32> \[2, 2, 2, 2, 2, 2, 2\]\n\[{7}0\.0000, /);
  });

  test('describes a disposed tensor', () => {
    const x = zeros([2, 3]);
    x.dispose();
    const inspect = Symbol.for('nodejs.util.inspect.custom') as never;
    expect((x[inspect] as () => string).call(x)).toBe('Tensor<f32> [2, 3] (disposed)');
  });
});
