import type { Rng } from '@mobinet/tensor/functions';
import { type AnyModule, modulesOf } from '../module.js';

/** A layer that draws other random numbers in each training step, such as `Dropout`. */
export interface StepCountingLayer {
  /** Counts a step of training. */
  countStep(): void;
}

let current: { readonly index: number; readonly calls: Map<object, number> } | null = null;

/**
 * Runs `body`, the forward pass of one of the micro-batches of a training step. The layers in it draw random numbers
 * that depend on the index of the micro-batch and on the steps before, and not on what else this process has computed.
 * So processes that divide the micro-batches of a step draw what a single one would. All of them count the step in the
 * end, by `countStep`.
 *
 * @param index The index of the micro-batch among those of all processes.
 * @param body Calls the network once.
 * @returns What `body` returns.
 * @example
 * ```ts
 * import { Dropout } from '@mobinet/autograd';
 * import { countStep, inMicroBatch } from '@mobinet/autograd/kernels';
 * import { ones, Rng } from '@mobinet/tensor';
 *
 * const layer = new Dropout(0.5, { rng: Rng.fromSeed(0) });
 * const draw = (index: number) => inMicroBatch(index, () => layer.forward(ones([64]))).values.join();
 * const [first, second, again] = [draw(0), draw(1), draw(0)];
 * countStep(layer);
 * console.log(`${first === second}, ${first === again}, ${first === draw(0)}`);
 * // → false, true, false
 * ```
 */
export function inMicroBatch<T>(index: number, body: () => T): T {
  const outer = current;
  current = { index, calls: new Map() };
  try {
    return body();
  } finally {
    current = outer;
  }
}

/** Counts a step of training in all layers of a network that draw other random numbers in each. */
export function countStep(model: AnyModule): void {
  for (const module of modulesOf(model)) if (isCounting(module)) module.countStep();
}

const isCounting = (module: object): module is StepCountingLayer =>
  typeof (module as Partial<StepCountingLayer>).countStep === 'function';

/** The generator of a layer for its next call in the current micro-batch; null outside of micro-batches. */
export function rngOfMicroBatch(layer: StepCountingLayer, rng: Rng): Rng | null {
  if (!current) return null;
  const call = current.calls.get(layer) ?? 0;
  current.calls.set(layer, call + 1);
  return rng.split('micro-batch', current.index, call);
}
