import { assign, keep, type Tensor, zeros } from '@mobinet/tensor/functions';

/** Copies of tensors, which restore them if a step is aborted. */
export class Snapshot {
  readonly #tensors: readonly Tensor[];
  readonly #copies: readonly Tensor[];

  constructor(tensors: Iterable<Tensor>) {
    this.#tensors = [...tensors];
    this.#copies = this.#tensors.map(({ shape }) => keep(zeros(shape)));
  }

  take(): void {
    this.#tensors.forEach((tensor, index) => {
      assign(this.#copies[index], tensor);
    });
  }

  restore(): void {
    this.#tensors.forEach((tensor, index) => {
      assign(tensor, this.#copies[index]);
    });
  }

  dispose(): void {
    for (const copy of this.#copies) copy.dispose();
  }
}
