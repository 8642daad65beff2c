import { fromHost, ones } from '../create.js';
import { GradientError, ShapeError } from '../errors.js';
import type { RecordedCall } from '../op.js';
import { add, mul } from '../ops/elementwise/binary.js';
import { sum } from '../ops/reduce/sum.js';
import { dispose, keep, tidy } from '../scope.js';
import { sameShape } from '../shape.js';
import { emptyTensor, type Tensor } from '../tensor.js';
import { withRecorder } from '../with-recorder.js';

export interface GradientOptions {
  /** Half the distance between the two points of a finite difference. Default 1e-2 (values are f32). */
  step?: number;
  /** Allowed |gradient − difference|, relative to the larger of 1 and the largest derivative. Default 5e-3. */
  gradientTolerance?: number;
  /** Compare the derivative of the gradient, too. Default true. */
  secondOrder?: boolean;
}

/**
 * Compares the gradient rules that `f` runs through with central finite differences, element by element.
 * The scalar that is differentiated is Σ wᵢ·f(inputs)ᵢ for fixed, irregular weights w, so that no error cancels.
 * Inputs must lie at least a step away from kinks.
 *
 * The derivative of the gradient, along one direction, must be right as well, or a GradientError.
 */
export function checkGradient(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradientOptions = {},
): void {
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
      // The step that was really taken: x ± h is rounded to f32.
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
 * Let s(x) = Σ vᵢ·∂L/∂xᵢ. Its gradient, times a direction u, is how s changes from x − h·u to x + h·u. Differences are taken over two
 * widths, whose combination is free of the error in h² (Richardson): steps in f32 are too wide to do without.
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
    throw new Error(`the gradient is ${value} along a direction, but ${found.value} where it is differentiated again`);
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

/** Differentiates Σ vᵢ·∂L/∂xᵢ: one reverse sweep, all of whose ops are heard, and a second one through everything. */
function secondSweep(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Derivatives {
  return withCalls((calls, listen) => {
    const output = listen(() => f(...inputs));
    const first = calls.slice();
    const s = listen(() =>
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

/** Irregular, and at most 1, so that a step along it stays within a step of each element. */
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

/** Irregular, of both signs, never near 0. */
const weight = (index: number): number => 1.5 * Math.cos(index * 2.399 + 0.5) + (index % 2 ? 0.7 : -0.7);

function weightedSum(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): number {
  return tidy(() => f(...inputs).values.reduce((sum, value, index) => sum + value * weight(index), 0));
}

/**
 * Reverse-mode differentiation in its smallest form: remember every call, then apply the rules from last to first. Gradients are of
 * Σ wᵢ·f(inputs)ᵢ, and null for inputs that f does not depend on.
 */
export function reverseSweep(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): (Tensor | null)[] {
  return withCalls((calls, listen) => {
    const output = listen(() => f(...inputs));
    return gradientsThrough(calls, output, seedOf(output), inputs);
  });
}

/** Keeps the calls of all that is run in `listen`, for as long as `body` runs. */
function withCalls<T>(body: (calls: RecordedCall[], listen: <R>(run: () => R) => R) => T): T {
  const calls: RecordedCall[] = [];
  // What runs may tidy, and what rules read must outlive that.
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

/** Ids of the inputs, and of all that was computed from them. */
function dependents(calls: readonly RecordedCall[], inputs: readonly Tensor[]): ReadonlySet<number> {
  const ids = new Set(inputs.map(({ id }) => id));
  for (const { inputs, output, gradient } of calls) {
    if ((gradient || output.dtype === 'f32') && inputs.some(({ id }) => ids.has(id))) ids.add(output.id);
  }
  return ids;
}
