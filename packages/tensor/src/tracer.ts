import type { AnyTensor, OpDefinition, Spec } from './op-definition.js';
import { Setting } from './setting.js';

/** An op with any inputs, outputs and attributes. */
export type AnyOp = OpDefinition<readonly AnyTensor[], readonly AnyTensor[], unknown, readonly AnyTensor[]>;

/** Records the calls on tensors whose elements are not known yet (`program/trace.ts`). */
export interface Tracer {
  /** Called instead of the kernel if an input has no elements. @returns Outputs without elements. */
  call(op: AnyOp, inputs: readonly AnyTensor[], outputs: readonly Spec[], attributes: unknown): AnyTensor[];
  /** Called after an op has run on ordinary tensors. */
  computed(op: AnyOp, inputs: readonly AnyTensor[], outputs: readonly AnyTensor[]): void;
}

const listener = new Setting<Tracer | null>(null);

/** The tracer that is recording now, if any. */
export function tracer(): Tracer | null {
  return listener.current;
}

/**
 * Whether a function is being traced: tensors that depend on its inputs have no elements, and no program can run.
 *
 * @example
 * ```ts
 * import { compile, isTracing, relu, type Tensor } from '@mobinet/tensor';
 *
 * const ready = compile(
 *   (x) => {
 *     console.log(isTracing());
 *     return relu(x as Tensor);
 *   },
 *   [{ dtype: 'f32', shape: [2] }],
 * );
 * console.log(isTracing());
 * // → true
 * // → false
 * ready.dispose();
 * ```
 */
export const isTracing = (): boolean => tracer() !== null;

/** Runs `body` while a tracer records it. */
export function withTracer<T>(tracer: Tracer, body: () => T): T {
  return listener.during(tracer, body);
}
