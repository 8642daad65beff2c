import { capture, distanceTo, emit } from './builder.js';
import { unsigned } from './encoding.js';
import { type I32, i32 } from './scalars.js';
import type { Variable } from './values.js';

// Control flow. The bodies are functions that write more statements.

const [block, loop, ifThen, otherwise, end, branch, branchIf] = [0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d];
const noResult = 0x40;

/** Runs `body` as often as `count` says, at least once; counts it down to 0. */
export function repeat(count: Variable<I32>, body: () => void): void {
  const statements = capture((label) => {
    body();
    count.set(count.sub(1));
    emit(count.code, [branchIf, ...unsigned(distanceTo(label))]);
  });
  emit([loop, noResult], statements, [end]);
}

/** Runs `body` for i = from, from + step, … below `to`. The body may change neither. */
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

/** Runs `body` as long as the condition, asked before each time, is not 0. */
export function whileTrue(condition: () => I32, body: () => void): void {
  when(condition(), () => {
    const statements = capture((label) => {
      body();
      emit(condition().code, [branchIf, ...unsigned(distanceTo(label))]);
    });
    emit([loop, noResult], statements, [end]);
  });
}

/** Runs `then` where the condition is not 0, else `else_`. */
export function when(condition: I32, then: () => void, else_?: () => void): void {
  const statements = capture(then);
  emit(condition.code, [ifThen, noResult], statements);
  if (else_) emit([otherwise], capture(else_));
  emit([end]);
}

/** A body that may be left early: `leave()` jumps behind its end. */
export function leavable(body: (leave: () => void) => void): void {
  const statements = capture((label) => body(() => emit([branch, ...unsigned(distanceTo(label))])));
  emit([block, noResult], statements, [end]);
}

/** Runs `body` for ever; to be left by `leavable` around it. */
export function forever(body: () => void): void {
  const statements = capture((label) => {
    body();
    emit([branch, ...unsigned(distanceTo(label))]);
  });
  emit([loop, noResult], statements, [end]);
}
