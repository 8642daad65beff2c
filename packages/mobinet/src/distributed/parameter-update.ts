import { type Module, type Optimizer, type OptimizerState, unflatten } from '@mobinet/autograd';
import type { Tensor } from '@mobinet/tensor/functions';

/** The gradients of a step, and how to apply them. */
export interface Step {
  /** The sum over the micro-batches of this rank, by the names of the parameters; null if it had no images. */
  readonly gradients: ReadonlyMap<string, Tensor> | null;
  /** Whether each rank had images. */
  readonly present: readonly boolean[];
  readonly learningRate: number;
}

/** Sums the gradients of all ranks, and updates the parameters of a network on all of them. */
export interface ParameterUpdate {
  /**
   * Takes the final gradient of a parameter while those of earlier layers are still being computed, so that it can be
   * sent meanwhile. Need not be called.
   */
  arrive?(name: string, gradient: Tensor): void;
  /**
   * Sends what has not been sent yet, if that does not wait for `step`. Every rank must call it at the end of its own
   * work, even if that has failed, since the others have sent to it.
   *
   * @param gradients Those of this rank, if it has any.
   */
  send?(gradients: Step['gradients']): void;
  /** Gives up a step for which gradients have been sent. */
  abandon?(): void;
  /** All ranks end with the same parameters. The caller disposes the gradients. */
  step(step: Step): Promise<void>;
  /**
   * Puts the state of the optimizer together. All ranks must call it.
   *
   * @param everywhere Whether all ranks need it. Otherwise, only rank 0 gets it, and the others null.
   */
  wholeState(everywhere?: boolean): Promise<WholeState | null>;
  /** Frees memory, and makes the state of the optimizer whole again. */
  close(): Promise<void>;
}

/** The state of an optimizer that was put together, or its own. */
export interface WholeState extends OptimizerState {
  /** Frees the tensors, unless they are those of the optimizer. */
  release(): void;
}

/** What is updated. */
export interface Updated {
  readonly model: Module;
  readonly optimizer: Optimizer;
}

/** The update of a single process. */
export class LocalUpdate implements ParameterUpdate {
  readonly #updated: Updated;

  constructor(updated: Updated) {
    this.#updated = updated;
  }

  async step({ gradients, learningRate }: Step): Promise<void> {
    const { model, optimizer } = this.#updated;
    optimizer.learningRate = learningRate;
    optimizer.update(model, unflatten(model, gradients!));
  }

  async wholeState(): Promise<WholeState> {
    return { ...this.#updated.optimizer.state, release() {} };
  }

  async close(): Promise<void> {}
}
