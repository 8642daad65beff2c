import type { AnyTensor, OpDefinition, Spec } from './op-definition.js';
import { Setting } from './setting.js';

/** An op of any inputs, outputs and attributes. */
export type AnyOp = OpDefinition<readonly AnyTensor[], readonly AnyTensor[], unknown, readonly AnyTensor[]>;

/** Writes down what happens to tensors whose elements are not known yet (`program/trace.ts`). */
export interface Tracer {
  /** An op was called with such a tensor. @returns What stands for its outputs. */
  call(op: AnyOp, inputs: readonly AnyTensor[], outputs: readonly Spec[], attributes: unknown): AnyTensor[];
  /** An op has calculated with other tensors alone. */
  calculated(op: AnyOp, inputs: readonly AnyTensor[], outputs: readonly AnyTensor[]): void;
}

const listener = new Setting<Tracer | null>(null);

/** Who writes down now. */
export function tracer(): Tracer | null {
  return listener.current;
}

/** Whether what is called now is written down: elements that depend on inputs are not there, and programs cannot be run. */
export const isTracing = (): boolean => tracer() !== null;

/** Runs `body`, and has a tracer write it down. */
export function withTracer<T>(tracer: Tracer, body: () => T): T {
  return listener.during(tracer, body);
}
