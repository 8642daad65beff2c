import {
  type AnyTensor,
  checkFunction,
  dispose,
  GradientError,
  type InputGradients,
  isRecording,
  ones,
  recordCall,
  reshape,
  Tensor,
  tidy,
  withRecorder,
  zeros,
} from '@mobinet/tensor';
import { aliasOf } from '@mobinet/tensor/kernels';
import { nothingToTrain, refuseUnlisted } from './hidden.js';
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
 * Differentiates by the first argument: a tensor, a module, or a tree of them. All else is constant: further arguments, tensors from
 * outside, numbers that were read (`values`, `data()`), and what was made in `noGradient`. The gradients have the first argument's
 * shape; a parameter that the loss does not depend on gets zeros. Frees all it made, except the value and the gradients.
 *
 * May be called inside a function that is differentiated itself: gradients of gradients are right, or a GradientError.
 *
 * @throws TypeError if there are no parameters, or the loss is no f32 tensor; RangeError if it is not one number; GradientError if it
 * depends on none of the parameters, a module uses a parameter that it does not list, or something on the way has no derivative.
 */
export function valueAndGradient<T extends object, A extends readonly unknown[], R extends Differentiated>(
  f: (parameters: T, ...rest: A) => R,
): (parameters: T, ...rest: A) => { value: R; gradients: Gradients<T> } {
  checkFunction('valueAndGradient', f);
  return (parameters, ...rest) => {
    const watched = flatten(parameters);
    if (watched.length === 0) throw nothingToTrain(parameters);
    const tape = new Tape(refuseUnlisted(parameters, watched, rest));
    for (const [, tensor] of watched) tape.watch(tensor);
    try {
      const result = tidy(() => {
        const value = withRecorder(tape, () => f(parameters, ...rest));
        const loss = lossOf(value);
        const tensors = watched.map(([, tensor]) => tensor);
        const found = tape.gradients(loss, ones(loss.shape), tensors);
        if (!tensors.some(({ id }) => found.has(id))) throw dependsOnNothing(tape.ends);
        const gradients = tensors.map(({ id, shape }) => found.get(id) ?? zeros(shape));
        const dependent = isRecording() ? gradients.map((gradient) => dependentOn(tensors, gradient)) : gradients;
        return { value, gradients: new Map(watched.map(([path], index) => [path, dependent[index]])) };
      });
      return { value: result.value, gradients: unflatten(parameters, result.gradients) };
    } finally {
      tape.dispose();
    }
  };
}

function lossOf(value: Differentiated | undefined): Tensor {
  const loss = Array.isArray(value) ? value[0] : value;
  if (!(loss instanceof Tensor) || loss.dtype !== 'f32') {
    const found = loss instanceof Tensor ? `a tensor of ${loss.dtype}` : describe(loss);
    throw new TypeError(
      `a differentiated function must return an f32 tensor, or a list that begins with it, not ${found}.`,
    );
  }
  if (loss.size !== 1) {
    throw new RangeError(`a loss must be one number, but has shape [${loss.shape}]. Take its mean() or sum().`);
  }
  return loss;
}

function describe(value: unknown): string {
  if (value instanceof Promise) return 'a promise: await outside of it';
  return typeof value === 'object' ? 'another object' : typeof value;
}

function dependsOnNothing(ends: ReadonlySet<string>): GradientError {
  const reason = ends.size === 0 ? '' : ` Nothing flows back through ${[...ends].join(', ')}.`;
  return new GradientError(
    'the loss depends on none of the parameters, so their gradients would all be 0. ' +
      `Was it made of numbers that were read (values, data()), or in noGradient?${reason}`,
  );
}

/**
 * A gradient depends on where it was taken, even where it is the same everywhere, as that of a line. So the tape of a function
 * around is told: then the derivative of the gradient is 0, and no error.
 */
function dependentOn(parameters: readonly Tensor[], gradient: Tensor): Tensor {
  const output = aliasOf(gradient);
  const gradientRule = (dy: Tensor) => [
    () => dy,
    ...parameters.map(
      ({ shape }) =>
        () =>
          zeros(shape),
    ),
  ];
  recordCall({ name: 'gradient', inputs: [gradient, ...parameters], output, saved: [], gradient: gradientRule });
  return output;
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

/**
 * Runs `body` without recording: what it computes is a constant to any gradient around it. A tensor from outside that it returns stays
 * what it is: for that there is `stopGradient`.
 */
export function noGradient<T>(body: () => T): T {
  checkFunction('noGradient', body);
  return withRecorder(null, body);
}

/** x as a constant to any gradient around it: another handle on its memory (PyTorch's `detach`). */
export function stopGradient(x: Tensor): Tensor {
  return noGradient(() => reshape(x, x.shape));
}

/** A forward pass with a gradient of its own. */
export interface CustomForward<S extends readonly AnyTensor[]> {
  readonly output: Tensor;
  /**
   * What `gradient` reads. Everything else that the forward pass made is freed. Derivatives of higher order go by the ops of
   * `gradient`, so they want the inputs and the output here: how other tensors depend on the inputs is not known.
   */
  readonly saved: readonly [...S];
  /** From ∂L/∂output and the saved tensors to ∂L/∂inputs, in the order of the inputs. */
  readonly gradient: (outputGradient: Tensor, saved: S) => InputGradients;
  /** Whether `gradient` has no derivative, as that of a straight-through estimator. To take one is an error then. */
  readonly onceDifferentiable?: boolean;
}

/**
 * A function whose gradient is what you say it is: straight-through estimators, or rules that save memory. What `forward` reads
 * beside its inputs is constant.
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
      // Ids count up: what is newer than this, `forward` has made.
      const before = isRecording() && inputs.length > 0 ? aliasOf(inputs[0]).id : Number.POSITIVE_INFINITY;
      const { output: result, saved, gradient, onceDifferentiable } = noGradient(() => forward(...inputs));
      // The tape tells tensors apart by their ids, and `forward` may have returned one of its inputs.
      const output = aliasOf(result);
      for (const tensor of onceDifferentiable ? [] : saved) {
        if (tensor === result || tensor.dtype !== 'f32' || tensor.id < before) continue;
        recordCall({ name: `what ${name} saves`, inputs, output: tensor, saved: [], gradient: null });
      }
      recordCall({
        name,
        inputs,
        output,
        saved: saved.map((tensor) => (tensor === result && tensor.id > before ? output : tensor)),
        // The tape records calls on tensors of any kind, and returns the same ones.
        gradient(dy, kept) {
          const rules = (): InputGradients => gradient(dy, kept as readonly AnyTensor[] as S);
          return onceDifferentiable && isRecording()
            ? withoutDerivative(name, [dy, ...kept, ...inputs], rules)
            : rules();
        },
      });
      return output;
    });
}

/** Rules whose results are no constants to those that listen, and yet have no derivative. */
function withoutDerivative(name: string, inputs: readonly AnyTensor[], rules: () => InputGradients): InputGradients {
  return noGradient(rules).map((rule) => {
    if (!rule) return null;
    return () => {
      const output = aliasOf(noGradient(rule));
      recordCall({ name, inputs, output, saved: [], gradient: null });
      return output;
    };
  });
}
