import {
  type AnyTensor,
  dispose,
  type InputGradients,
  ones,
  recordCall,
  Tensor,
  tidy,
  withRecorder,
  zeros,
} from '@mobinet/tensor';
import { nothingToTrain } from './hidden.js';
import { Tape } from './tape.js';
import { flatten, type Gradients, unflatten } from './tree.js';

/** What a differentiated function returns: the scalar loss, alone or followed by tensors that come along. */
export type Differentiated = Tensor | readonly [loss: Tensor, ...others: AnyTensor[]];

/**
 * Turns a function of parameters into one that also returns its gradient.
 *
 *     const step = valueAndGradient((net: Net, x: Tensor, y: Tensor<'i32'>) => crossEntropy(net.forward(x), y));
 *     const { value, gradients } = step(net, images, labels);
 *     optimizer.update(net, gradients);
 *
 * Differentiates by the first argument: a tensor, a module, or a tree of them. The gradients have its shape; a parameter
 * that the loss does not depend on gets zeros. Frees all it made, except the value and the gradients.
 *
 * @throws If the loss is not a scalar, or there are no parameters.
 */
export function valueAndGradient<T extends object, A extends readonly unknown[], R extends Differentiated>(
  f: (parameters: T, ...rest: A) => R,
): (parameters: T, ...rest: A) => { value: R; gradients: Gradients<T> } {
  return (parameters, ...rest) => {
    const watched = flatten(parameters);
    if (watched.length === 0) throw nothingToTrain(parameters);
    const tape = new Tape();
    for (const [, tensor] of watched) tape.watch(tensor);
    try {
      const result = tidy(() => {
        const value = withRecorder(tape, () => f(parameters, ...rest));
        const loss = lossOf(value);
        if (loss.size !== 1) {
          throw new RangeError(`a loss must be one number, but has shape [${loss.shape}]. Take its mean() or sum().`);
        }
        const tensors = watched.map(([, tensor]) => tensor);
        const found = tape.gradients(loss, ones(loss.shape), tensors);
        return {
          value,
          gradients: new Map(watched.map(([path, { id, shape }]) => [path, found.get(id) ?? zeros(shape)])),
        };
      });
      return { value: result.value, gradients: unflatten(parameters, result.gradients) };
    } finally {
      tape.dispose();
    }
  };
}

function lossOf(value: Differentiated): Tensor {
  return value instanceof Tensor ? value : value[0];
}

/** Like `valueAndGradient`, for when only the gradient is wanted. */
export function gradient<T extends object, A extends readonly unknown[]>(
  f: (parameters: T, ...rest: A) => Tensor,
): (parameters: T, ...rest: A) => Gradients<T> {
  const both = valueAndGradient(f);
  return (parameters, ...rest) => {
    const { value, gradients } = both(parameters, ...rest);
    dispose(value);
    return gradients;
  };
}

/** Runs `body` without recording: what it computes is a constant to any gradient around it. */
export function noGradient<T>(body: () => T): T {
  return withRecorder(null, body);
}

/** A forward pass with a gradient of its own. */
export interface CustomForward<S extends readonly AnyTensor[]> {
  readonly output: Tensor;
  /** What `gradient` reads. Everything else that the forward pass made is freed. */
  readonly saved: readonly [...S];
  /** From ∂L/∂output and the saved tensors to ∂L/∂inputs, in the order of the inputs. */
  readonly gradient: (outputGradient: Tensor, saved: S) => InputGradients;
}

/**
 * A function whose gradient is what you say it is: straight-through estimators, or rules that save memory.
 *
 *     const hardSign = customGradient('hardSign', (x: Tensor) => ({
 *       output: sign(x),
 *       saved: [],
 *       gradient: (dy) => [() => dy],
 *     }));
 */
export function customGradient<I extends readonly AnyTensor[], S extends readonly AnyTensor[]>(
  name: string,
  forward: (...inputs: I) => CustomForward<S>,
): (...inputs: I) => Tensor {
  return (...inputs) =>
    tidy(() => {
      const { output: result, saved, gradient } = noGradient(() => forward(...inputs));
      // The tape tells tensors apart by their ids, and `forward` may have returned one of its inputs.
      const output = result.alias();
      // The tape hears of a call in tensors of any kind, and hands back what it was given.
      recordCall({
        name,
        inputs,
        output,
        saved,
        gradient: (dy, kept) => gradient(dy, kept as readonly AnyTensor[] as S),
      });
      return output;
    });
}
