/**
 * Exercises of chapter 13. Fill in the functions, then run
 *
 *     npm run exercise 13
 *
 * The first three are bodies of kernels, whose items are rows, as in the chapter: `from` and `to` are the first row and
 * the one after the last, and addresses are in bytes.
 */
import { div, mul, type Tensor, unsqueeze } from '@mobinet/tensor';
import type { KernelParameters } from '@mobinet/tensor/kernels';
import { f32, f32x4, fillRest, forEachFour, forRange, type I32, i32, store } from '@mobinet/tensor/wasm';
import { todo } from '../lib/todo.js';

/** x is [rows, columns] and y is [rows], both f32. */
export type Rows = KernelParameters<Record<'x' | 'y' | 'columns', typeof i32>>;

/** 1. Stores the sum of |x| of each row, one number at a time. `abs()` is an instruction. */
export function sumOfAbsolutes({ x, y, columns }: Rows, from: I32, to: I32): void {
  todo('loop over the rows and over their numbers, and store each sum');
}

/**
 * 2. Stores the largest number of each row, four at a time. Rows may have any length from 1 on. What must the missing
 * numbers of the last four be replaced by?
 */
export function maximum({ x, y, columns }: Rows, from: I32, to: I32): void {
  todo('keep the largest of four columns at once, then take the largest of the four');
}

/** a and b are bits [rows, signs], each row in `words` words, and y is i32 [rows]. */
export type SignRows = KernelParameters<Record<'a' | 'b' | 'y' | 'words' | 'signs', typeof i32>>;

/** 3. Stores the dot product of each row of signs of a with the same row of b, by xor and popcount (chapter 9). */
export function signDots({ a, b, y, words, signs }: SignRows, from: I32, to: I32): void {
  todo('count the differing signs word by word; the dot product is signs − 2·count');
}

/**
 * 4. The gradient rule of the Euclidean norm of each row, y[i] = √Σⱼ x[i, j]². Made of operations, so that it can be
 * differentiated again.
 *
 * @param dy The gradient of the norms [rows].
 * @param x [rows, columns]
 * @param y The norms [rows].
 * @returns The gradient of x [rows, columns].
 */
export function rowNormsGradient(dy: Tensor, x: Tensor, y: Tensor): Tensor {
  return todo('∂y[i]/∂x[i, j] = x[i, j] / y[i]');
}
