import { unflatten } from '@mobinet/autograd';
import { dispose, reshape, type Tensor, toBackend } from '@mobinet/tensor/functions';
import { partOf } from '@mobinet/tensor/kernels';
import { FlatLayout, type Segment } from './flat-layout.js';
import type { ParameterUpdate, Step, Updated, WholeState } from './parameter-update.js';
import { SlicedVector } from './sliced-vector.js';
import type { Team } from './team.js';

/** Adds the gradients of all ranks, which lie in one vector. */
export interface VectorSum {
  /** How parameters lie in the vector. */
  readonly layout: FlatLayout;
  /** The gradients of this rank, and then the sum, [length]. */
  readonly vector: Tensor;
  /** Writes the gradient of a parameter to its place in the vector. @param gradient Null if this rank has none. */
  put(segment: Segment, gradient: Tensor | null): Promise<void>;
  /** Replaces the vector by the sum of those of all ranks. @param present Whether each rank has gradients. */
  sum(present: readonly boolean[]): void;
  /** Frees the memory. */
  dispose(): void;
}

/**
 * The update of several ranks where each has the sum of all gradients, and updates all parameters: on a GPU, whose
 * parameters and moments stay there, and with `signs`, where sending parameters would cost more than the gradients.
 */
export class ReplicatedUpdate implements ParameterUpdate {
  readonly #updated: Updated;
  readonly #sum: VectorSum;

  /** @param sum Is disposed of by `close`. */
  constructor(updated: Updated, sum: VectorSum) {
    this.#updated = updated;
    this.#sum = sum;
  }

  async step({ gradients, present, learningRate }: Step): Promise<void> {
    const { model, optimizer } = this.#updated;
    const { layout, vector } = this.#sum;
    for (const segment of layout.segments) await this.#sum.put(segment, gradients?.get(segment.name) ?? null);
    this.#sum.sum(present);
    const parameters = model.parameters();
    const summed = new Map<string, Tensor>();
    for (const { name, offset, size } of layout.segments) {
      const { shape, backend } = parameters.get(name)!;
      const part = partOf(vector, offset, size);
      const shaped = reshape(part, shape);
      summed.set(name, toBackend(shaped, backend));
      dispose([part, shaped]);
    }
    optimizer.learningRate = learningRate;
    optimizer.update(model, unflatten(model, summed));
    dispose(summed);
  }

  async wholeState(): Promise<WholeState> {
    return { ...this.#updated.optimizer.state, release() {} };
  }

  async close(): Promise<void> {
    this.#sum.dispose();
  }
}

/** The exact sum: all ranks get the bits that a single process would compute. */
export class ExactSum implements VectorSum {
  readonly layout: FlatLayout;
  readonly #sliced: SlicedVector;

  constructor({ model }: Updated, { size, communicator }: Team) {
    this.layout = FlatLayout.of(model.parameters(), { ranks: size });
    this.#sliced = new SlicedVector(this.layout, communicator);
  }

  get vector(): Tensor {
    return this.#sliced.whole;
  }

  async put({ offset }: Segment, gradient: Tensor | null): Promise<void> {
    if (!gradient) return;
    // A copy on a GPU waits for all that it has computed.
    this.vector.values.set(gradient.backend === 'cpu' ? gradient.values : await gradient.data(), offset);
  }

  sum(present: readonly boolean[]): void {
    while (this.#sliced.sent < this.layout.length) this.#sliced.send();
    this.#sliced.reduceScatter(present);
    this.#sliced.allGather();
  }

  dispose(): void {
    this.#sliced.dispose();
  }
}
