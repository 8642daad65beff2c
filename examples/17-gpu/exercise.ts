/**
 * Exercises of chapter 17. Fill in the functions, then run
 *
 *     npm run exercise 17
 *
 * The last one needs a GPU or a software adapter; without either, its test is skipped and says so.
 */
import { todo } from '../lib/todo.js';

/**
 * 1. The number of workgroups along x and y, so that there is at least one invocation for each of `count` items. A GPU
 * allows no more than `limit` workgroups along an axis. Take as few rows (y) as possible, and for these as few columns.
 *
 * @param perGroup The number of invocations in a workgroup.
 */
export function workgroupsFor(count: number, perGroup: number, limit: number): [x: number, y: number] {
  return todo('how many workgroups are needed, and how many rows of at most `limit`?');
}

/**
 * 2. The sum of 64 numbers as a workgroup computes it: in each step, the first half of the invocations adds to its
 * number the one that is half the length further on; then half of these go on. Each addition rounds to f32.
 *
 * @param numbers 64 numbers, one of each invocation.
 */
export function treeSum(numbers: Float32Array): number {
  return todo('for step = 32, 16, …, 1: number[lane] += number[lane + step]');
}

/**
 * 3. The body of a shader that computes the largest number of each row. The buffers are `x` [rows, columns] and
 * `y` [rows], both f32, and the parameters `p.rows` and `p.columns`. `i` is the number of the row.
 *
 * @returns WGSL statements, the last of which stores `y[i]`.
 */
export function largestOfRow(): string {
  return todo('let the invocation of row i read its numbers one by one; WGSL has `max`');
}
