import type { AnyTensor, OpDefinition } from './op.js';

/** An op of any inputs, outputs and attributes. */
export type AnyOp = OpDefinition<readonly AnyTensor[], readonly AnyTensor[], unknown, readonly AnyTensor[]>;

/** Hears all that happens to tensors, to write it down as a program (`program/trace.ts`). */
export interface Tracer {
  /** An op was called. */
  call(op: AnyOp, inputs: readonly AnyTensor[], outputs: readonly AnyTensor[], attributes: unknown): void;
  /** `view` is another handle on the memory of `x`. */
  view(x: AnyTensor, view: AnyTensor): void;
  /** The host is about to read (or write) elements. */
  read(x: AnyTensor): void;
  /** @throws Error: `what` cannot be part of a program. */
  refuse(what: string, why: string): void;
}

let current: Tracer | null = null;

/** Who listens now. No one does while a kernel runs: what it reads is its own affair. */
export function tracer(): Tracer | null {
  return current;
}

/** Runs `body` with a listener, or with none. */
export function withTracer<T>(listener: Tracer | null, body: () => T): T {
  const outer = current;
  current = listener;
  try {
    return body();
  } finally {
    current = outer;
  }
}
