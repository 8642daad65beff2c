import { capture, distanceTo, emit } from './builder.js';
import { unsigned } from './encoding.js';
import { type I32, i32 } from './scalars.js';
import type { Variable } from './values.js';

// Control flow. The bodies are callbacks that emit the nested statements.

const [block, loop, ifThen, otherwise, end, branch, branchIf] = [0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d];
const noResult = 0x40;

/** Runs `body` `count` times, but at least once. Counts the variable down to 0. */
export function repeat(count: Variable<I32>, body: () => void): void {
  const statements = capture((label) => {
    body();
    count.set(count.sub(1));
    emit(count.code, [branchIf, ...unsigned(distanceTo(label))]);
  });
  emit([loop, noResult], statements, [end]);
}

/** Runs `body` for i = from, from + step, … while i < to (signed). The body must not change `to` or `step`. */
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

/** Runs `body` while the condition is not 0. It is evaluated before each iteration. */
export function whileTrue(condition: () => I32, body: () => void): void {
  when(condition(), () => {
    const statements = capture((label) => {
      body();
      emit(condition().code, [branchIf, ...unsigned(distanceTo(label))]);
    });
    emit([loop, noResult], statements, [end]);
  });
}

/** Runs `then` if the condition is not 0, otherwise `else_`. */
export function when(condition: I32, then: () => void, else_?: () => void): void {
  const statements = capture(then);
  emit(condition.code, [ifThen, noResult], statements);
  if (else_) emit([otherwise], capture(else_));
  emit([end]);
}

/** Runs a body that can be left early: the statement `exit()` jumps to its end. */
export function breakable(body: (exit: () => void) => void): void {
  const statements = capture((label) => body(() => emit([branch, ...unsigned(distanceTo(label))])));
  emit([block, noResult], statements, [end]);
}

/** Runs `body` forever. To exit, wrap it in a `breakable`. */
export function forever(body: () => void): void {
  const statements = capture((label) => {
    body();
    emit([branch, ...unsigned(distanceTo(label))]);
  });
  emit([loop, noResult], statements, [end]);
}
