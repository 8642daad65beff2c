import {
  assign,
  checkChoice,
  checkOptions,
  decodeSafetensors,
  dispose,
  encodeSafetensors,
  shown,
  type UnsharedBytes,
} from '@mobinet/tensor/functions';
import { type AnyModule, Module } from './module.js';
import { findMisfits, misfitError, stateTensors } from './state-tensors.js';

/**
 * Encodes all tensors of a module, its parameters and its state, as a safetensors file: what `torch.save` does with the
 * `state_dict` of a module. Names are field paths, and tied weights are saved once, under the first of their paths.
 * Tensors of integers are saved, too, but neither bit tensors nor fields that are no tensors. A training run has more
 * than that: its optimizer (`Optimizer.state`) and its progress.
 *
 * @param module On the CPU.
 * @returns The bytes of the file, in the order of the fields: the same values give the same bytes.
 * @throws TypeError if the argument is not a module; BackendError if a tensor is on a GPU: copy it with `toHost` first.
 * @example
 * ```ts
 * import { Linear, loadState, saveState } from '@mobinet/autograd';
 * import { Rng } from '@mobinet/tensor';
 *
 * const [trained, fresh] = [1, 2].map((seed) => new Linear(2, 3, { rng: Rng.fromSeed(seed) }));
 * const bytes = saveState(trained); // await writeFile('linear.safetensors', bytes)
 * loadState(fresh, bytes);
 * console.log(fresh.weight.values.every((value, at) => value === trained.weight.values[at]));
 * // → true
 * ```
 */
export function saveState(module: AnyModule): UnsharedBytes {
  checkModule('saveState', module);
  return encodeSafetensors(stateTensors(module));
}

/** Options of `loadState`. */
export interface LoadStateOptions {
  /**
   * Whether the file must have exactly the tensors of the module. If not, tensors that only one of them has stay as they
   * are; those that both have must still fit. Default true.
   */
  strict?: boolean;
  /** The name of the file in error messages. Default `'loadState'`. */
  source?: string;
}

/**
 * Copies the tensors of a safetensors file into a module, in place, by name. Nothing changes unless everything fits.
 *
 * Differs from `load_state_dict` of PyTorch: with `strict: false`, the result names what was left out, as there, but a
 * failed call changes nothing.
 *
 * @param module A module like the one that was saved, on any backend.
 * @param bytes What `saveState` returned, or a safetensors file from elsewhere with the same names and layouts.
 * @returns The names of the tensors that the file lacks (`missing`) and of those that the module does not have
 *   (`extra`). Both are empty unless `strict` is false.
 * @throws FormatError, one line, if the bytes are not a safetensors file, or if tensors are missing, do not belong to
 *   the module, or have another dtype or shape. It lists all of them.
 * @throws TypeError if the first argument is not a module; RangeError for an unknown option.
 * @example Keeping the new head of a network
 * ```ts
 * import { Linear, loadState, saveState } from '@mobinet/autograd';
 * import { Rng } from '@mobinet/tensor';
 *
 * const rng = Rng.fromSeed(0);
 * const withoutBias = saveState(new Linear(2, 3, { bias: false, rng }));
 * const { missing } = loadState(new Linear(2, 3, { rng }), withoutBias, { strict: false });
 * console.log(`${missing}`);
 * // → bias
 * ```
 */
export function loadState(
  module: AnyModule,
  bytes: Uint8Array,
  options: LoadStateOptions = {},
): { missing: readonly string[]; extra: readonly string[] } {
  checkModule('loadState', module);
  checkOptions('loadState', options, ['strict', 'source']);
  const { strict = true, source = 'loadState' } = options;
  checkChoice('loadState: strict', strict, [true, false]);
  const own = stateTensors(module);
  const { tensors: saved } = decodeSafetensors(bytes, { source });
  try {
    const misfits = findMisfits(own, saved);
    const { missing, extra, different } = misfits;
    if (strict ? missing.length + extra.length + different.length > 0 : different.length > 0) {
      const remedy =
        `Make the ${module.constructor.name} with the options that the saved one had` +
        (strict && different.length === 0 ? ', or pass strict: false to load what both have' : '');
      const listed = strict ? misfits : { missing: [], extra: [], different };
      throw misfitError(listed, { own, saved, source, remedy });
    }
    const pairs = [...own].flatMap(([name, target]) => (saved.has(name) ? [{ target, source: saved.get(name)! }] : []));
    // Reading `backend` throws if a tensor was disposed, before anything has changed.
    for (const { target } of pairs) void target.backend;
    for (const { target, source } of pairs) assign(target, source);
    return { missing, extra };
  } finally {
    dispose(saved);
  }
}

function checkModule(owner: string, module: unknown): void {
  if (!(module instanceof Module)) throw new TypeError(`${owner}: needs a module, not ${shown(module)}`);
}
