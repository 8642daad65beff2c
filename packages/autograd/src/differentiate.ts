import {
  type AnyTensor,
  checkFunction,
  checkList,
  checkRecord,
  checkTensor,
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
} from '@mobinet/tensor/functions';
import { aliasOf, withHelp } from '@mobinet/tensor/kernels';
import { completionListener } from './complete-gradients.js';
import { nothingToTrain, refuseUnlisted } from './hidden.js';
import { Tape } from './tape.js';
import { flatten, type Gradients, unflatten } from './tree.js';

/** The result of a differentiated function: the scalar loss, alone or followed by further tensors. */
export type Differentiated = Tensor | readonly [loss: Tensor, ...others: AnyTensor[]];

/**
 * Turns a function into one that returns both its value and its gradient, by reverse-mode differentiation.
 *
 * Differentiates with respect to the first argument: a tensor, a module, or a tree of them. Everything else is
 * constant: further arguments, tensors from outside, values that were read back (`values`, `data()`), and tensors made
 * in `noGradient`. The gradients are nested like the first argument; a parameter that the loss does not depend on gets
 * zeros. All intermediate tensors are freed; the caller frees the value and the gradients, with `dispose`.
 *
 * May be called inside a function that is itself differentiated: higher derivatives are either correct or throw a
 * GradientError.
 *
 * @param f Computes the loss, an f32 tensor with one element, from parameters and further arguments. It may return
 *   other tensors after the loss, in an array; these are passed on.
 * @returns A function of the same arguments, which returns the `value` of `f` and the `gradients`, each of the shape of
 *   its parameter.
 * @throws TypeError if there are no parameters, or the loss is not an f32 tensor.
 * @throws RangeError if the loss is not a single number.
 * @throws GradientError if the loss depends on no parameter, a module uses a parameter that it does not list, or an op
 *   in between has no derivative.
 * @example
 * ```ts
 * import { valueAndGradient } from '@mobinet/autograd';
 * import { square, sum, type Tensor, tensor } from '@mobinet/tensor';
 *
 * // The gradient of Σ x² is 2x.
 * const f = valueAndGradient((x: Tensor) => sum(square(x)));
 * const { value, gradients } = f(tensor([1, -2, 3]));
 * console.log(`value ${value.values}, gradient ${gradients.values}`);
 * // → value 14, gradient 2,-4,6
 * ```
 * @example A training step
 * ```ts
 * import { crossEntropy, Linear, SGD, valueAndGradient } from '@mobinet/autograd';
 * import { dispose, Rng, type Tensor, tensor } from '@mobinet/tensor';
 *
 * const layer = new Linear(2, 3, { rng: Rng.fromSeed(0) });
 * const optimizer = new SGD({ learningRate: 0.5 });
 * const step = valueAndGradient((layer: Linear, x: Tensor, labels: Tensor<'i32'>) =>
 *   crossEntropy(layer.forward(x), labels),
 * );
 *
 * const [x, labels] = [tensor([[1, 2]]), tensor([2], { dtype: 'i32' })];
 * const before = step(layer, x, labels);
 * optimizer.update(layer, before.gradients);
 * const after = step(layer, x, labels);
 * console.log(`the loss decreases: ${after.value.values[0] < before.value.values[0]}`);
 * // → the loss decreases: true
 * dispose([before, after]);
 * ```
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
    const onComplete = completionListener(watched);
    try {
      const result = tidy(() => {
        const value = withRecorder(tape, () => f(parameters, ...rest));
        const loss = lossOf(value);
        const tensors = watched.map(([, tensor]) => tensor);
        const found = tape.gradients(loss, ones(loss.shape), tensors, onComplete);
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
    const problem = `a differentiated function must return its loss, an f32 tensor, alone or first in an array, not ${found}.`;
    throw new TypeError(loss instanceof Promise ? withHelp(problem, 'forgotten-await') : problem);
  }
  if (loss.size !== 1) {
    throw new RangeError(`a loss must be a single number, but has shape [${loss.shape}]. Take its mean() or sum().`);
  }
  return loss;
}

function describe(value: unknown): string {
  if (value instanceof Promise) return 'a promise (await outside of it)';
  return typeof value === 'object' ? 'another object' : typeof value;
}

function dependsOnNothing(ends: ReadonlySet<string>): GradientError {
  const reason = ends.size === 0 ? '' : ` No gradient flows through ${[...ends].join(', ')}.`;
  return new GradientError(
    'the loss does not depend on any parameter, so all gradients would be 0. ' +
      `Was it computed from values that were read back (values, data()), or in noGradient or stopGradient?${reason}`,
  );
}

/**
 * Records for an outer tape that `gradient` depends on `parameters`. A gradient is a function of the point where it was
 * taken, even if it is the same everywhere, like that of a line: its derivative is then 0, and not an error.
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

/**
 * Like `valueAndGradient`, but returns only the gradient.
 *
 * @param f Computes the loss, an f32 tensor with one element, from parameters and further arguments.
 * @returns A function of the same arguments, which returns gradients that are nested like the first one.
 * @throws TypeError, RangeError or GradientError like `valueAndGradient`.
 * @example Derivatives of derivatives
 * ```ts
 * import { gradient } from '@mobinet/autograd';
 * import { mul, scalar, square, type Tensor } from '@mobinet/tensor';
 *
 * // x³ has the derivative 3x², whose derivative is 6x.
 * const slope = gradient((x: Tensor) => mul(x, square(x)));
 * const curvature = gradient(slope);
 * console.log(`${slope(scalar(3)).values}, ${curvature(scalar(3)).values}`);
 * // → 27, 18
 * ```
 */
export function gradient<T extends object, A extends readonly unknown[]>(
  f: (parameters: T, ...rest: A) => Tensor,
): (parameters: T, ...rest: A) => Gradients<T> {
  checkFunction('gradient', f);
  const both = valueAndGradient(f);
  return (parameters, ...rest) => {
    const { value, gradients } = both(parameters, ...rest);
    dispose(value);
    return gradients;
  };
}

/**
 * Runs `body` without recording, so that everything it computes is a constant to any gradient around it. A tensor from
 * outside that it returns is not affected: use `stopGradient` for that. Outside of a differentiated function, nothing
 * is recorded anyway.
 *
 * @returns The result of `body`.
 * @throws TypeError if `body` is not a function.
 * @example
 * ```ts
 * import { gradient, noGradient } from '@mobinet/autograd';
 * import { mul, scalar, square, type Tensor } from '@mobinet/tensor';
 *
 * // The derivative of x·x² is 3x², but only x² if the factor x² is a constant.
 * const slope = gradient((x: Tensor) => mul(x, noGradient(() => square(x))));
 * console.log(slope(scalar(3)).values[0]);
 * // → 9
 * ```
 */
export function noGradient<T>(body: () => T): T {
  checkFunction('noGradient', body);
  return withRecorder(null, body);
}

/**
 * Returns x as a constant to any gradient around it: another handle on the same memory, like PyTorch's `detach`.
 *
 * @param x A tensor of any shape.
 * @returns A tensor of the same shape with the same elements.
 * @example
 * ```ts
 * import { gradient, stopGradient } from '@mobinet/autograd';
 * import { mul, scalar, type Tensor } from '@mobinet/tensor';
 *
 * // The derivative of x·x is 2x, but only x if the second factor is a constant.
 * console.log(gradient((x: Tensor) => mul(x, stopGradient(x)))(scalar(3)).values[0]);
 * // → 3
 * ```
 */
export function stopGradient(x: Tensor): Tensor {
  checkTensor('stopGradient', x);
  return noGradient(() => reshape(x, x.shape));
}

/** A forward pass with its own gradient rule, for `customGradient`. */
export interface CustomForward<S extends readonly AnyTensor[]> {
  /** The result of the forward pass. It may be one of the inputs. */
  readonly output: Tensor;
  /**
   * The tensors that `gradient` reads. Everything else that the forward pass made is freed. Higher derivatives
   * differentiate the ops of `gradient`, so for these, save only inputs and the output: how other tensors depend on the
   * inputs is not known.
   */
  readonly saved: readonly [...S];
  /** Computes ∂L/∂inputs, in the order of the inputs, from ∂L/∂output and the saved tensors. */
  readonly gradient: (outputGradient: Tensor, saved: S) => InputGradients;
  /**
   * Whether `gradient` has no derivative, like that of a straight-through estimator. Taking one is then an error.
   * Default false.
   */
  readonly onceDifferentiable?: boolean;
}

/**
 * Defines a function with its own gradient rule, for example for a straight-through estimator or to save memory.
 * Everything that `forward` reads besides its inputs is constant.
 *
 * @param name The name of the function, for errors.
 * @param forward Computes the output from the inputs, and returns it with the gradient rule: see `CustomForward`.
 * @returns A function from the inputs to the output, which can be differentiated.
 * @throws GradientError for a second derivative, if `onceDifferentiable` is set or a saved tensor depends on the inputs
 *   in a way that is not known.
 * @example
 * ```ts
 * import { customGradient, gradient } from '@mobinet/autograd';
 * import { sign, sum, type Tensor, tensor } from '@mobinet/tensor';
 *
 * // The derivative of sign is 0. This rule replaces it by 1: a straight-through estimator.
 * const hardSign = customGradient('hardSign', (x: Tensor) => ({
 *   output: sign(x),
 *   saved: [],
 *   gradient: (dy) => [() => dy],
 * }));
 * const x = tensor([-2, 0.5]);
 * console.log(`${hardSign(x).values}`);
 * console.log(`${gradient((x: Tensor) => sum(hardSign(x)))(x).values}`);
 * // → -1,1
 * // → 1,1
 * ```
 */
export function customGradient<I extends readonly AnyTensor[], S extends readonly AnyTensor[]>(
  name: string,
  forward: (...inputs: I) => CustomForward<S>,
): (...inputs: I) => Tensor {
  checkFunction('customGradient', forward);
  return (...inputs) =>
    tidy(() => {
      // Ids count up, so tensors with a greater id than this one were made by `forward`.
      const before = isRecording() && inputs.length > 0 ? aliasOf(inputs[0]).id : Number.POSITIVE_INFINITY;
      const made = noGradient(() => forward(...inputs));
      checkRecord(`${name}: what forward returns`, made);
      const { output: result, saved, gradient, onceDifferentiable } = made;
      checkTensor(name, result, 'output');
      checkList(`${name}: saved`, saved, '[x] of tensors');
      for (const [at, tensor] of saved.entries()) checkTensor(name, tensor, `saved tensor ${at}`);
      checkFunction(`${name}: gradient`, gradient);
      // The tape distinguishes tensors by their ids, and `forward` may return one of its inputs, so take another
      // handle.
      const output = aliasOf(result);
      for (const tensor of onceDifferentiable ? [] : saved) {
        if (tensor === result || tensor.dtype !== 'f32' || tensor.id < before) continue;
        recordCall({ name: `a tensor saved by ${name}`, inputs, output: tensor, saved: [], gradient: null });
      }
      recordCall({
        name,
        inputs,
        output,
        saved: saved.map((tensor) => (tensor === result && tensor.id > before ? output : tensor)),
        // The tape records tensors of any kind, and passes back the same ones.
        gradient(dy, kept) {
          const rule = (): InputGradients => gradient(dy, kept as readonly AnyTensor[] as S);
          return onceDifferentiable && isRecording() ? withoutDerivative(name, [dy, ...kept, ...inputs], rule) : rule();
        },
      });
      return output;
    });
}

/**
 * Runs a gradient rule so that an outer tape sees that its results depend on `inputs`, but that this dependence has no
 * derivative.
 */
function withoutDerivative(name: string, inputs: readonly AnyTensor[], rule: () => InputGradients): InputGradients {
  return noGradient(rule).map((thunk) => {
    if (!thunk) return null;
    return () => {
      const output = aliasOf(noGradient(thunk));
      recordCall({ name, inputs, output, saved: [], gradient: null });
      return output;
    };
  });
}
