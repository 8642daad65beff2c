import { capture, distanceTo, emit } from './builder.js';
import { unsigned } from './encoding.js';
import { type I32, i32 } from './scalars.js';
import type { Variable } from './values.js';

// Control flow. The bodies are callbacks that emit the nested statements.

const [block, loop, ifThen, otherwise, end, branch, branchIf] = [0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d];
const noResult = 0x40;

/**
 * Runs `body` `count` times, but at least once. Counts the variable down to 0.
 *
 * @example
 * ```ts
 * import { assemble, i32, PrivateMemory, privateMemory, repeat, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const run = memory.load(
 *   assemble('power', ['base', 'exponent'], privateMemory, (base, exponent) => {
 *     const [count, result] = [i32.variable(exponent), i32.variable(1)];
 *     repeat(count, () => result.set(result.mul(base)));
 *     store(i32.const(0), result);
 *   }),
 * );
 * run(3, 4);
 * console.log(memory.words(0, 1)[0]);
 * // → 81
 * ```
 */
export function repeat(count: Variable<I32>, body: () => void): void {
  const statements = capture((label) => {
    body();
    count.set(count.sub(1));
    emit(count.code, [branchIf, ...unsigned(distanceTo(label))]);
  });
  emit([loop, noResult], statements, [end]);
}

/**
 * Runs `body` for i = from, from + step, … while i < to (signed). The body must not change `to` or `step`.
 *
 * @example
 * ```ts
 * import { assemble, forRange, PrivateMemory, privateMemory, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const run = memory.load(
 *   assemble('squares', ['count'], privateMemory, (count) => {
 *     forRange(0, count, 1, (i) => store(i.mul(4), i.mul(i)));
 *   }),
 * );
 * run(5);
 * console.log(`${memory.words(0, 5)}`);
 * // → 0,1,4,9,16
 * ```
 */
export function forRange(from: I32 | number, to: I32, step: I32 | number, body: (i: I32) => void): void {
  const i = i32.variable(from, 'i');
  whileTrue(
    () => i.ltS(to),
    () => {
      body(i);
      i.set(i.add(step));
    },
  );
}

/**
 * Runs `body` while the condition is not 0. It is evaluated before each iteration.
 *
 * @example
 * ```ts
 * import { assemble, i32, PrivateMemory, privateMemory, store, whileTrue } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const gcd = memory.load(
 *   assemble('gcd', ['x', 'y'], privateMemory, (x, y) => {
 *     const [a, b, rest] = [i32.variable(x), i32.variable(y), i32.variable()];
 *     whileTrue(
 *       () => b,
 *       () => {
 *         rest.set(a.remU(b));
 *         a.set(b);
 *         b.set(rest);
 *       },
 *     );
 *     store(i32.const(0), a);
 *   }),
 * );
 * gcd(48, 36);
 * console.log(memory.words(0, 1)[0]);
 * // → 12
 * ```
 */
export function whileTrue(condition: () => I32, body: () => void): void {
  when(condition(), () => {
    const statements = capture((label) => {
      body();
      emit(condition().code, [branchIf, ...unsigned(distanceTo(label))]);
    });
    emit([loop, noResult], statements, [end]);
  });
}

/**
 * Runs `then` if the condition is not 0, otherwise `else_`.
 *
 * @example
 * ```ts
 * import { assemble, i32, PrivateMemory, privateMemory, store, when } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const relu = memory.load(
 *   assemble('relu', ['x'], privateMemory, (x) => {
 *     when(
 *       x.gtS(0),
 *       () => store(i32.const(0), x),
 *       () => store(i32.const(0), i32.const(0)),
 *     );
 *   }),
 * );
 * relu(-3);
 * console.log(memory.words(0, 1)[0]);
 * // → 0
 * ```
 */
export function when(condition: I32, then: () => void, else_?: () => void): void {
  const statements = capture(then);
  emit(condition.code, [ifThen, noResult], statements);
  if (else_) emit([otherwise], capture(else_));
  emit([end]);
}

/**
 * Runs a body that can be left early: the statement `exit()` jumps to its end.
 *
 * @example
 * ```ts
 * import { assemble, breakable, forever, i32, PrivateMemory, privateMemory, store, when } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const find = memory.load(
 *   assemble('find_zero', [], privateMemory, () => {
 *     const at = i32.variable(0, 'at');
 *     breakable((exit) => {
 *       forever(() => {
 *         when(i32.load(at).eq(0), exit);
 *         at.set(at.add(4));
 *       });
 *     });
 *     store(i32.const(0), at.shrU(2));
 *   }),
 * );
 * memory.words(0, 4).set([5, 8, 0, 3]);
 * find();
 * console.log(memory.words(0, 1)[0]); // the index of the first 0
 * // → 2
 * ```
 */
export function breakable(body: (exit: () => void) => void): void {
  const statements = capture((label) => body(() => emit([branch, ...unsigned(distanceTo(label))])));
  emit([block, noResult], statements, [end]);
}

/**
 * Runs `body` forever. To exit, wrap it in a `breakable`.
 *
 * @example
 * ```ts
 * import { assemble, breakable, forever, i32, PrivateMemory, privateMemory, store, when } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const log2 = memory.load(
 *   assemble('log2', ['x'], privateMemory, (x) => {
 *     const [rest, bits] = [i32.variable(x), i32.variable(0)];
 *     breakable((exit) => {
 *       forever(() => {
 *         rest.set(rest.shrU(1));
 *         when(rest.eq(0), exit);
 *         bits.set(bits.add(1));
 *       });
 *     });
 *     store(i32.const(0), bits);
 *   }),
 * );
 * log2(1000);
 * console.log(memory.words(0, 1)[0]);
 * // → 9
 * ```
 */
export function forever(body: () => void): void {
  const statements = capture((label) => {
    body();
    emit([branch, ...unsigned(distanceTo(label))]);
  });
  emit([loop, noResult], statements, [end]);
}
