import { checkFunction, checkList, checkTensor } from '../check.js';
import { fromHost, ones } from '../create.js';
import { GradientError, ShapeError } from '../errors.js';
import type { RecordedCall } from '../op.js';
import { add, mul } from '../ops/elementwise/binary.js';
import { sum } from '../ops/reduce/sum.js';
import { dispose, keep, tidy } from '../scope.js';
import { sameShape } from '../shape.js';
import { emptyTensor, type Tensor } from '../tensor.js';
import { withRecorder } from '../with-recorder.js';

/** Options of `checkGradient`. */
export interface GradientOptions {
  /** Half the distance between the two points of a central difference. Default: 1e-2, which suits f32. */
  step?: number;
  /**
   * The tolerance of |gradient − difference|, relative to the largest derivative, or to 1 if that is larger. Default:
   * 5e-3.
   */
  gradientTolerance?: number;
  /** Whether to check second derivatives, too. Default: true. */
  secondOrder?: boolean;
}

/**
 * Checks the gradient rules of the ops in `f` against central finite differences, element by element. The function that
 * is differentiated is the scalar Σ wᵢ·f(inputs)ᵢ, with fixed, irregular weights w so that errors do not cancel. The
 * inputs must be at least a step away from points where `f` is not differentiable.
 *
 * The second derivative along one direction must also be correct, or throw a GradientError.
 *
 * @param f A function from f32 tensors to one f32 tensor.
 * @param inputs f32 tensors of any shapes, which `f` takes.
 * @throws Error if a derivative is wrong.
 *
 * @example
 * ```ts
 * import { checkGradient, matmul, sum, tanh, tensor } from '@mobinet/tensor';
 *
 * checkGradient((x, w) => sum(tanh(matmul(x, w))), [tensor([[0.5, -1]]), tensor([[1], [0.25]])]);
 * console.log('the gradient rules of matmul, tanh and sum agree with finite differences');
 * // → the gradient rules of matmul, tanh and sum agree with finite differences
 * ```
 */
export function checkGradient(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradientOptions = {},
): void {
  checkFunction('checkGradient', f);
  checkList('checkGradient', inputs, '[x] of tensors');
  for (const [at, input] of inputs.entries()) checkTensor('checkGradient', input, `input ${at}`);
  tidy(() => compareWithDifferences(f, inputs.map(copyOf), options));
  if (options.secondOrder ?? true) tidy(() => compareSecondOrder(f, inputs.map(copyOf), options));
}

function compareWithDifferences(
  f: (...inputs: Tensor[]) => Tensor,
  points: readonly Tensor[],
  options: GradientOptions,
): void {
  const step = options.step ?? 1e-2;
  const gradients = reverseSweep(f, points).map((gradient) => gradient?.values.slice() ?? null);
  gradients.forEach((gradient, index) => {
    const values = points[index].values;
    const differences = values.map((value, at) => {
      const loss = (x: number): number => {
        values[at] = x;
        return weightedSum(f, points);
      };
      // The actual step: x ± h is rounded to f32.
      const above = Math.fround(value + step);
      const below = Math.fround(value - step);
      const difference = (loss(above) - loss(below)) / (above - below);
      values[at] = value;
      return difference;
    });
    const scale = differences.reduce((max, d) => Math.max(max, Math.abs(d)), 1);
    differences.forEach((difference, at) => {
      const claimed = gradient ? gradient[at] : 0;
      if (!(Math.abs(claimed - difference) <= (options.gradientTolerance ?? 5e-3) * scale)) {
        throw new Error(
          `the gradient of input ${index} at element ${at} (value ${values[at]}) is ${claimed}, ` +
            `but the finite difference is ${difference}`,
        );
      }
    });
  });
}

/**
 * Checks s(x) = Σ vᵢ·∂L/∂xᵢ, the derivative of the loss along a direction v: its gradient times v must be its finite
 * difference from x − h·v to x + h·v. Differences with two step sizes are combined to cancel the error in h²
 * (Richardson extrapolation), which would be too large with the steps that f32 needs.
 */
function compareSecondOrder(
  f: (...inputs: Tensor[]) => Tensor,
  points: readonly Tensor[],
  { step = 1e-2, gradientTolerance = 5e-3 }: GradientOptions,
): void {
  let found: Derivatives;
  try {
    found = secondSweep(f, points);
  } catch (error) {
    if (error instanceof GradientError) return;
    throw error;
  }
  const products = found.gradients.flatMap((gradient, index) =>
    gradient ? Array.from(gradient.values, (value, at) => value * direction(index, at)) : [],
  );
  const claimed = products.reduce((sum, value) => sum + value, 0);
  const starts = points.map(({ values }) => values.slice());
  const along = (distance: number): number => {
    points.forEach(({ values }, index) => {
      for (let at = 0; at < values.length; at++) values[at] = starts[index][at] + distance * direction(index, at);
    });
    return tidy(() => directional(reverseSweep(f, points)));
  };
  const slope = (h: number): number => (along(h) - along(-h)) / (2 * h);
  const difference = (4 * slope(step / 2) - slope(step)) / 3;
  const value = along(0);
  const scale = products.reduce((sum, product) => sum + Math.abs(product), 1);
  if (!(Math.abs(found.value - value) <= 1e-3 * Math.max(1, Math.abs(value)))) {
    throw new Error(`the derivative along a direction is ${value}, but ${found.value} when it is differentiated again`);
  }
  if (!(Math.abs(claimed - difference) <= gradientTolerance * scale)) {
    throw new Error(
      `the second derivative along a direction is ${claimed}, but the finite difference is ${difference}`,
    );
  }
}

interface Derivatives {
  /** s(x). */
  readonly value: number;
  /** The gradients of s with respect to its inputs; null where there is none. */
  readonly gradients: readonly (Tensor | null)[];
}

/** Differentiates Σ vᵢ·∂L/∂xᵢ: one reverse sweep whose own ops are recorded, and a second sweep through all ops. */
function secondSweep(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Derivatives {
  return withCalls((calls, recording) => {
    const output = recording(() => f(...inputs));
    checkTensor('checkGradient', output, 'the result of f');
    const first = calls.slice();
    const s = recording(() =>
      gradientsThrough(first, output, seedOf(output), inputs)
        .flatMap((gradient, index) => (gradient ? [sum(mul(gradient, directionOf(gradient, index)))] : []))
        .reduce(
          (total, part) => add(total, part),
          fromHost('f32', [], (values) => values.fill(0)),
        ),
    );
    return { value: s.values[0], gradients: gradientsThrough(calls, s, ones([]), inputs) };
  });
}

/** The direction v. It is irregular, and at most 1 in magnitude, so that no element moves by more than a step. */
const direction = (index: number, at: number): number => Math.cos(at * 1.7 + index * 0.9 + 0.3);

function directionOf({ shape }: Tensor, index: number): Tensor {
  return fromHost('f32', shape, (values) => {
    for (let at = 0; at < values.length; at++) values[at] = direction(index, at);
  });
}

/** Σ vᵢ·∂L/∂xᵢ. */
function directional(gradients: readonly (Tensor | null)[]): number {
  let sum = 0;
  gradients.forEach((gradient, index) => {
    gradient?.values.forEach((value, at) => {
      sum += value * Math.fround(direction(index, at));
    });
  });
  return sum;
}

function copyOf(input: Tensor): Tensor {
  const copy = emptyTensor('f32', input.shape);
  copy.values.set(input.values);
  return copy;
}

/** The weights w: irregular, of both signs, never near 0. */
const weight = (index: number): number => 1.5 * Math.cos(index * 2.399 + 0.5) + (index % 2 ? 0.7 : -0.7);

function weightedSum(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): number {
  return tidy(() => f(...inputs).values.reduce((sum, value, index) => sum + value * weight(index), 0));
}

/**
 * Reverse-mode differentiation in its simplest form: records every call, then applies the gradient rules from last to
 * first. Returns the gradients of Σ wᵢ·f(inputs)ᵢ with respect to the inputs, with null for inputs that `f` does not
 * depend on.
 */
export function reverseSweep(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): (Tensor | null)[] {
  return withCalls((calls, recording) => {
    const output = recording(() => f(...inputs));
    checkTensor('checkGradient', output, 'the result of f');
    return gradientsThrough(calls, output, seedOf(output), inputs);
  });
}

/** Runs `body`, which can record calls with `recording`. Their saved tensors live until `body` returns. */
function withCalls<T>(body: (calls: RecordedCall[], recording: <R>(run: () => R) => R) => T): T {
  const calls: RecordedCall[] = [];
  // The function may use `tidy`, but the tensors that its rules read must survive.
  const record = (call: RecordedCall) => {
    calls.push({ ...call, saved: call.saved.map((tensor) => keep(tensor.twin())) });
  };
  try {
    return body(calls, (run) => withRecorder({ record }, run));
  } finally {
    for (const { saved } of calls) dispose(saved);
  }
}

function seedOf({ shape }: Tensor): Tensor {
  return fromHost('f32', shape, (values) => {
    for (let index = 0; index < values.length; index++) values[index] = weight(index);
  });
}

function gradientsThrough(
  calls: readonly RecordedCall[],
  output: Tensor,
  seed: Tensor,
  inputs: readonly Tensor[],
): (Tensor | null)[] {
  const tracked = dependents(calls, inputs);
  const gradients = new Map<number, Tensor>([[output.id, seed]]);
  for (const call of calls.toReversed()) {
    const outputGradient = gradients.get(call.output.id);
    if (!outputGradient || !tracked.has(call.output.id)) continue;
    if (!call.gradient) throw new GradientError(`${call.name} has no gradient rule`);
    call.gradient(outputGradient, call.saved).forEach((rule, index) => {
      const input = call.inputs[index];
      if (!rule || !tracked.has(input.id)) return;
      const gradient = rule();
      if (!sameShape(gradient.shape, input.shape)) {
        throw new ShapeError(call.name, `the gradient of input ${index} has the wrong shape`, [
          { name: 'input', shape: input.shape },
          { name: 'gradient', shape: gradient.shape },
        ]);
      }
      const earlier = gradients.get(input.id);
      gradients.set(input.id, earlier ? add(gradient, earlier) : gradient);
    });
  }
  return inputs.map((input) => gradients.get(input.id) ?? null);
}

/** The ids of the inputs and of everything computed from them. */
function dependents(calls: readonly RecordedCall[], inputs: readonly Tensor[]): ReadonlySet<number> {
  const ids = new Set(inputs.map(({ id }) => id));
  for (const { inputs, output, gradient } of calls) {
    if ((gradient || output.dtype === 'f32') && inputs.some(({ id }) => ids.has(id))) ids.add(output.id);
  }
  return ids;
}
