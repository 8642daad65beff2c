import { fromHost } from '../create.js';
import { ShapeError } from '../errors.js';
import { type RecordedCall, withRecorder } from '../op.js';
import { add } from '../ops/elementwise/binary.js';
import { dispose, keep, tidy } from '../scope.js';
import { sameShape } from '../shape.js';
import { emptyTensor, type Tensor } from '../tensor.js';

export interface GradientOptions {
  /** Half the distance between the two points of a finite difference. Default 1e-2 (values are f32). */
  step?: number;
  /** Allowed |gradient − difference|, relative to the larger of 1 and the largest derivative. Default 5e-3. */
  gradientTolerance?: number;
}

/**
 * Compares the gradient rules that `f` runs through with central finite differences, element by element.
 * The scalar that is differentiated is Σ wᵢ·f(inputs)ᵢ for fixed, irregular weights w, so that no error cancels.
 * Inputs must lie at least a step away from kinks.
 */
export function checkGradient(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradientOptions = {},
): void {
  tidy(() => compareWithDifferences(f, inputs.map(copyOf), options));
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
  const calls: RecordedCall[] = [];
  // f may tidy: what rules read must outlive that.
  const record = (call: RecordedCall) =>
    calls.push({ ...call, saved: call.saved.map((tensor) => keep(tensor.alias())) });
  try {
    const output = withRecorder({ record }, () => f(...inputs));
    return gradientsThrough(calls, output, inputs);
  } finally {
    for (const { saved } of calls) dispose(saved);
  }
}

function gradientsThrough(
  calls: readonly RecordedCall[],
  output: Tensor,
  inputs: readonly Tensor[],
): (Tensor | null)[] {
  const seed = fromHost('f32', output.shape, (values) => {
    for (let index = 0; index < values.length; index++) values[index] = weight(index);
  });
  const gradients = new Map<number, Tensor>([[output.id, seed]]);
  for (const call of calls.toReversed()) {
    const outputGradient = gradients.get(call.output.id);
    if (!outputGradient) continue;
    call.gradient(outputGradient, call.saved).forEach((rule, index) => {
      if (!rule) return;
      const input = call.inputs[index];
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
