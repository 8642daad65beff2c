import {
  type AnyTensor,
  add,
  dispose,
  GradientError,
  isRecording,
  keep,
  type RecordedCall,
  type Recorder,
  ShapeError,
  sameShape,
  type Tensor,
  tidy,
} from '@mobinet/tensor';
import { aliasOf, twinOf, versionOf } from '@mobinet/tensor/kernels';

/** One remembered call: who went in, who came out, and what its gradient rule reads. */
interface Entry {
  readonly call: RecordedCall;
  readonly saved: readonly AnyTensor[];
  /** How often the memory of each saved tensor had been overwritten. */
  readonly versions: readonly number[];
  /** The op whose gradient rule made this call, if one did. */
  readonly ruleOf: string | null;
}

/** The op whose gradient rule runs, while a tape listens to it: errors name it. */
let ruleOf: string | null = null;

/**
 * Reverse-mode differentiation. While a function runs, the tape writes down each call that depends on a watched tensor;
 * `gradients` then walks the list from its end, and hands each call's output gradient to its rule.
 *
 * What a rule reads is saved as a twin, which shares the memory and outlives the handle it was made from. So `tidy`
 * works inside differentiated functions: it frees what no rule will read, and nothing else.
 *
 * Rules are made of ops. Where a gradient is taken inside a function that is differentiated itself, the tape of that function
 * listens, and writes down these ops like any others: so derivatives of derivatives need nothing of their own. A twin has
 * the id of its original, by which the outer tape knows that what the rule reads depends on its own watched tensors.
 */
export class Tape implements Recorder {
  readonly #entries: Entry[] = [];
  /** Ids of the tensors whose gradients matter: the watched ones, and all that was computed from them. */
  readonly #tracked = new Set<number>();
  /** Ops that made integers or bits of such tensors: nothing flows back through these. */
  readonly #ends = new Set<string>();
  readonly #check: ((call: RecordedCall) => void) | null;

  /** @param check Looks at every call, and throws if it must not be. */
  constructor(check: ((call: RecordedCall) => void) | null = null) {
    this.#check = check;
  }

  watch(tensor: AnyTensor): void {
    this.#tracked.add(tensor.id);
  }

  /** Where gradients were lost, for an error message. */
  get ends(): ReadonlySet<string> {
    return this.#ends;
  }

  record(call: RecordedCall): void {
    this.#check?.(call);
    const { name, inputs, output, gradient } = call;
    if (!inputs.some(({ id }) => this.#tracked.has(id))) return;
    if (!gradient && output.dtype !== 'f32') {
      this.#ends.add(name);
      return;
    }
    this.#tracked.add(output.id);
    const saved = call.saved.map((tensor) => keep(twinOf(tensor)));
    this.#entries.push({ call, saved, versions: saved.map(versionOf), ruleOf });
  }

  overwrite(op: string, { id, label, shape }: AnyTensor): void {
    if (!this.#tracked.has(id)) return;
    throw new GradientError(
      `${op} would write into ${label ?? `a tensor of shape [${shape}]`} while a gradient with respect to it is being taken, which would be ` +
        `wrong. Make a new tensor, as in w = sub(w, mul(rate, gradient)), or write after the function has returned.`,
    );
  }

  /**
   * ∂output/∂t for each tensor t that `output` was computed from, given `seed` = ∂output/∂output. Among these, the gradients
   * of `wanted` remain; all others are freed as soon as they were used, and so is what the tape saved.
   */
  gradients(output: Tensor, seed: Tensor, wanted: readonly AnyTensor[]): Map<number, Tensor> {
    const isWanted = new Set(wanted.map(({ id }) => id));
    const gradients = new Map([[output.id, seed]]);
    for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
      const { output } = entry.call;
      const outputGradient = gradients.get(output.id);
      try {
        if (outputGradient) this.#propagate(entry, outputGradient, gradients);
      } finally {
        dispose(entry.saved);
      }
      if (outputGradient && !isWanted.has(output.id)) {
        gradients.delete(output.id);
        outputGradient.dispose();
      }
    }
    return gradients;
  }

  #propagate(entry: Entry, outputGradient: Tensor, gradients: Map<number, Tensor>): void {
    const { call, saved } = entry;
    if (!call.gradient) throw missingRule(entry);
    checkVersions(entry);
    const outer = ruleOf;
    const isHeard = isRecording();
    ruleOf = isHeard ? call.name : null;
    try {
      const rules = call.gradient;
      const inputGradients = tidy(() => {
        const made = rules(outputGradient, saved);
        if (made.length !== call.inputs.length) throw wrongCount(call, made.length);
        return made.map((rule, index) => {
          if (!this.#tracked.has(call.inputs[index].id)) return null;
          if (!rule) this.#ends.add(call.name);
          if (!rule) return null;
          // Every gradient here has one owner. But a rule may pass on what it was given, as addition does, or answer two
          // inputs with one tensor: so take another handle, a twin where a tape has heard how it was made.
          const gradient = rule();
          if (!sameShape(gradient.shape, call.inputs[index].shape)) throw wrongShape(call, index, gradient);
          return isHeard ? twinOf(gradient) : aliasOf(gradient);
        });
      });
      inputGradients.forEach((gradient, index) => {
        if (!gradient) return;
        const { id } = call.inputs[index];
        const earlier = gradients.get(id);
        gradients.set(id, earlier ? add(earlier, gradient) : gradient);
        if (earlier) dispose([earlier, gradient]);
      });
    } finally {
      ruleOf = outer;
    }
  }

  /** Frees what is still saved, if differentiation ended early. */
  dispose(): void {
    for (const { saved } of this.#entries.splice(0)) dispose(saved);
  }
}

function wrongCount({ name, inputs }: RecordedCall, count: number): GradientError {
  return new GradientError(
    `the gradient rule of ${name} answers for ${count} inputs, but there are ${inputs.length}: give null for one that has no gradient.`,
  );
}

function wrongShape({ name, inputs }: RecordedCall, index: number, { shape }: Tensor): ShapeError {
  return new ShapeError(name, `the gradient of input ${index} has the wrong shape`, [
    { name: 'input', shape: inputs[index].shape, note: inputs[index].label },
    { name: 'gradient', shape },
  ]);
}

function missingRule({ call: { name }, ruleOf }: Entry): GradientError {
  if (ruleOf === null) {
    return new GradientError(
      `there is no gradient rule for ${name}, and what is differentiated depends on it. Run it in noGradient(() => …) to make it a constant.`,
    );
  }
  const rule = name === ruleOf ? '' : `: ${name}, which calculates it, has no gradient rule`;
  return new GradientError(
    `the gradient of ${ruleOf} cannot be differentiated again${rule}. A gradient was taken inside a function that is differentiated ` +
      `itself. Take it in noGradient(() => …) to make it a constant, or use operations with derivatives of all orders (docs/operations.md).`,
  );
}

/** What a rule reads must be what it was in the forward pass. */
function checkVersions({ call, saved, versions }: Entry): void {
  const index = saved.findIndex((tensor, at) => versionOf(tensor) !== versions[at]);
  if (index < 0) return;
  const { label, shape } = saved[index];
  throw new GradientError(
    `the gradient of ${call.name} needs ${label ?? `a tensor of shape [${shape}]`} as it was, but it was overwritten since. ` +
      'Write into it (assign, applyInto, an optimizer) after the gradient was taken.',
  );
}
