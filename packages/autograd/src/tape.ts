import {
  type AnyTensor,
  add,
  checkFunction,
  checkList,
  checkTensor,
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
} from '@mobinet/tensor/functions';
import { aliasOf, twinOf, versionOf } from '@mobinet/tensor/kernels';

/** A recorded call: its inputs, its output, and what its gradient rule reads. */
interface Entry {
  readonly call: RecordedCall;
  readonly saved: readonly AnyTensor[];
  /** How many times each saved tensor's memory had been overwritten when it was saved. */
  readonly versions: readonly number[];
  /** The op whose gradient rule made this call, if one did. */
  readonly ruleOf: string | null;
}

/** The op whose gradient rule is running while a tape records it. Error messages name it. */
let ruleOf: string | null = null;

/**
 * Reverse-mode differentiation. While a function runs, the tape records each call that depends on a watched tensor.
 * `gradients` then walks the records backwards, and passes the gradient of each output to the gradient rule of its
 * call.
 *
 * Tensors that a rule will read are saved as twins: handles that share the memory and outlive the original. So `tidy`
 * works inside differentiated functions: it frees exactly what no rule will read.
 *
 * Rules are made of ops. If a gradient is taken inside a function that is itself differentiated, the tape of that
 * function records these ops like any others, so higher derivatives need no code of their own. A twin has the id of its
 * original, which tells the outer tape that what the rule reads depends on its own watched tensors.
 */
export class Tape implements Recorder {
  readonly #entries: Entry[] = [];
  /** Ids of the watched tensors, and of all tensors computed from them. */
  readonly #tracked = new Set<number>();
  /** Ops that no gradient flows through: their output is integers or bits, or they have no rule for a tracked input. */
  readonly #ends = new Set<string>();
  readonly #check: ((call: RecordedCall) => void) | null;

  /** @param check Called with every call; throws if the call is not allowed. */
  constructor(check: ((call: RecordedCall) => void) | null = null) {
    this.#check = check;
  }

  watch(tensor: AnyTensor): void {
    this.#tracked.add(tensor.id);
  }

  /** The ops at which gradients were lost, for an error message. */
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
      `${op} would overwrite ${label ?? `a tensor of shape [${shape}]`} while its gradient is being computed, which would make that ` +
        `gradient wrong. Make a new tensor, as in w = sub(w, mul(rate, gradient)), or write after the differentiated function has returned.`,
    );
  }

  /**
   * Computes ∂output/∂t for the tensors t that `output` was computed from, given `seed` = ∂output/∂output. Returns
   * those of `requested`, by id. All other gradients are freed as soon as they have been used, and so are the saved
   * tensors.
   *
   * @param onComplete Called with the id of a requested tensor as soon as nothing more will be added to its gradient.
   */
  gradients(
    output: Tensor,
    seed: Tensor,
    requested: readonly AnyTensor[],
    onComplete?: (id: number, gradient: Tensor) => void,
  ): Map<number, Tensor> {
    const isRequested = new Set(requested.map(({ id }) => id));
    const gradients = new Map([[output.id, seed]]);
    const usesLeft = onComplete ? this.#usesOf(isRequested) : new Map<number, number>();
    for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
      const { output } = entry.call;
      const outputGradient = gradients.get(output.id);
      try {
        if (outputGradient) this.#propagate(entry, outputGradient, gradients);
      } finally {
        dispose(entry.saved);
      }
      if (outputGradient && !isRequested.has(output.id)) {
        gradients.delete(output.id);
        outputGradient.dispose();
      }
      for (const { id } of onComplete ? entry.call.inputs : []) {
        const left = (usesLeft.get(id) ?? 0) - 1;
        usesLeft.set(id, left);
        const gradient = left === 0 && gradients.get(id);
        if (gradient) onComplete!(id, gradient);
      }
    }
    return gradients;
  }

  /** How often each of some tensors is an input of a recorded call. */
  #usesOf(ids: ReadonlySet<number>): Map<number, number> {
    const uses = new Map<number, number>();
    for (const { call } of this.#entries) {
      for (const { id } of call.inputs) if (ids.has(id)) uses.set(id, (uses.get(id) ?? 0) + 1);
    }
    return uses;
  }

  #propagate(entry: Entry, outputGradient: Tensor, gradients: Map<number, Tensor>): void {
    const { call, saved } = entry;
    if (!call.gradient) throw missingRule(entry);
    checkVersions(entry);
    const outer = ruleOf;
    const isRecorded = isRecording();
    ruleOf = isRecorded ? call.name : null;
    try {
      const rule = call.gradient;
      const inputGradients = tidy(() => {
        const thunks = rule(outputGradient, saved);
        checkList(`the gradient rule of ${call.name}`, thunks, '[() => dx] of functions');
        if (thunks.length !== call.inputs.length) throw wrongCount(call, thunks.length);
        return thunks.map((thunk, index) => {
          if (!this.#tracked.has(call.inputs[index].id)) return null;
          if (!thunk) {
            this.#ends.add(call.name);
            return null;
          }
          // Every gradient in the map is owned once. But a rule may pass on the tensor it was given, as that of
          // addition does, or return one tensor for two inputs. So take another handle: a twin if an outer tape has
          // recorded how the gradient was computed.
          checkFunction(`the gradient rule of ${call.name}`, thunk);
          const gradient = thunk();
          checkTensor(`the gradient rule of ${call.name}`, gradient, `the gradient of input ${index}`);
          if (!sameShape(gradient.shape, call.inputs[index].shape)) throw wrongShape(call, index, gradient);
          return isRecorded ? twinOf(gradient) : aliasOf(gradient);
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

  /** Frees the tensors that are still saved if differentiation ended early. */
  dispose(): void {
    for (const { saved } of this.#entries.splice(0)) dispose(saved);
  }
}

function wrongCount({ name, inputs }: RecordedCall, count: number): GradientError {
  return new GradientError(
    `the gradient rule of ${name} returned ${count} gradients for ${inputs.length} inputs. Return null for an input that has no gradient.`,
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
      `there is no gradient rule for ${name}, but the loss depends on it. Run it in noGradient(() => …) to treat it as a constant.`,
    );
  }
  const rule = name === ruleOf ? '' : `: ${name}, which computes it, has no gradient rule`;
  return new GradientError(
    `the gradient of ${ruleOf} cannot be differentiated again${rule}. This gradient was taken inside a function that is itself differentiated. ` +
      'Take it in noGradient(() => …) to treat it as a constant, or use operations with derivatives of all orders (docs/operations.md).',
  );
}

/** Throws if a saved tensor has been overwritten since the forward pass. */
function checkVersions({ call, saved, versions }: Entry): void {
  const index = saved.findIndex((tensor, at) => versionOf(tensor) !== versions[at]);
  if (index < 0) return;
  const { label, shape } = saved[index];
  throw new GradientError(
    `the gradient of ${call.name} needs ${label ?? `a tensor of shape [${shape}]`} unchanged, but it was overwritten after the forward pass. ` +
      'Write into it (assign, applyInto, an optimizer) only after the gradient has been computed.',
  );
}
