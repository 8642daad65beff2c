import {
  type AnyTensor,
  add,
  dispose,
  keep,
  type RecordedCall,
  type Recorder,
  type Tensor,
  tidy,
} from '@mobinet/tensor';

/** One remembered call: who went in, who came out, and what its gradient rule reads. */
interface Entry {
  readonly call: RecordedCall;
  readonly saved: readonly AnyTensor[];
}

/**
 * Reverse-mode differentiation. While a function runs, the tape writes down each call that depends on a watched tensor;
 * `gradients` then walks the list from its end, and hands each call's output gradient to its rule.
 *
 * What a rule reads is saved as an alias, which shares the memory and outlives the handle it was made from. So `tidy`
 * works inside differentiated functions: it frees what no rule will read, and nothing else.
 */
export class Tape implements Recorder {
  readonly #entries: Entry[] = [];
  /** Ids of the tensors whose gradients matter: the watched ones, and all that was computed from them. */
  readonly #tracked = new Set<number>();

  watch(tensor: AnyTensor): void {
    this.#tracked.add(tensor.id);
  }

  record(call: RecordedCall): void {
    if (!call.inputs.some(({ id }) => this.#tracked.has(id))) return;
    this.#tracked.add(call.output.id);
    this.#entries.push({ call, saved: call.saved.map((tensor) => keep(tensor.alias())) });
  }

  /**
   * ∂output/∂t for each tensor t that `output` was computed from, given `seed` = ∂output/∂output. Of these, the gradients
   * of `wanted` remain; all others are freed as soon as they were used, and so is what the tape saved.
   */
  gradients(output: Tensor, seed: Tensor, wanted: readonly AnyTensor[]): Map<number, Tensor> {
    const isWanted = new Set(wanted.map(({ id }) => id));
    const gradients = new Map([[output.id, seed]]);
    for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
      const { call, saved } = entry;
      const outputGradient = gradients.get(call.output.id);
      try {
        if (outputGradient) this.#propagate(call, outputGradient, saved, gradients);
      } finally {
        dispose(saved);
      }
      if (outputGradient && !isWanted.has(call.output.id)) {
        gradients.delete(call.output.id);
        outputGradient.dispose();
      }
    }
    return gradients;
  }

  #propagate(
    call: RecordedCall,
    outputGradient: Tensor,
    saved: readonly AnyTensor[],
    gradients: Map<number, Tensor>,
  ): void {
    const inputGradients = tidy(() =>
      call.gradient(outputGradient, saved).map((rule, index) => {
        if (!rule || !this.#tracked.has(call.inputs[index].id)) return null;
        // Every gradient here has one owner. But a rule may pass on what it was given, as addition does, or answer two
        // inputs with one tensor: so take an alias, which shares the memory.
        return rule().alias();
      }),
    );
    inputGradients.forEach((gradient, index) => {
      if (!gradient) return;
      const { id } = call.inputs[index];
      const earlier = gradients.get(id);
      gradients.set(id, earlier ? add(earlier, gradient) : gradient);
      if (earlier) dispose([earlier, gradient]);
    });
  }

  /** Frees what is still saved, if differentiation ended early. */
  dispose(): void {
    for (const { saved } of this.#entries.splice(0)) dispose(saved);
  }
}
