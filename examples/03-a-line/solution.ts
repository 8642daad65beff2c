import { mse, SGD, valueAndGradient } from '@mobinet/autograd';
import { dispose, scalar, type Tensor } from '@mobinet/tensor';

export function derivatives(
  x: readonly number[],
  y: readonly number[],
  { slope, intercept }: { slope: number; intercept: number },
): { slope: number; intercept: number } {
  const sums = { slope: 0, intercept: 0 };
  x.forEach((x, i) => {
    const error = slope * x + intercept - y[i];
    sums.slope += 2 * error * x;
    sums.intercept += 2 * error;
  });
  return { slope: sums.slope / x.length, intercept: sums.intercept / x.length };
}

export function fitParabola(x: Tensor, y: Tensor): [a: number, b: number, c: number] {
  const coefficients = [scalar(0), scalar(0), scalar(0)];
  const step = valueAndGradient(([a, b, c]: Tensor[], x: Tensor, y: Tensor) =>
    // Horner's rule: a + x·(b + x·c).
    mse(x.mul(c).add(b).mul(x).add(a), y),
  );
  const optimizer = new SGD({ learningRate: 0.3, momentum: 0.5 });
  for (let i = 0; i < 1000; i++) {
    const { value, gradients } = step(coefficients, x, y);
    optimizer.update(coefficients, gradients);
    dispose([value, gradients]);
  }
  const [a, b, c] = coefficients.map(({ values }) => values[0]);
  optimizer.dispose();
  dispose(coefficients);
  return [a, b, c];
}

export function momentum({
  learningRate,
  momentum,
}: {
  learningRate: number;
  momentum: number;
}): (weights: number[], gradients: readonly number[]) => void {
  const velocities: number[] = [];
  return (weights, gradients) => {
    gradients.forEach((gradient, i) => {
      velocities[i] = momentum * (velocities[i] ?? 0) + gradient;
      weights[i] -= learningRate * velocities[i];
    });
  };
}

export function criticalLearningRate(x: readonly number[]): number {
  // The second derivatives are 2·mean(x²) with respect to the slope, 2 with respect to the intercept, and 2·mean(x)
  // with respect to both.
  const mean = x.reduce((sum, x) => sum + x, 0) / x.length;
  const meanOfSquares = x.reduce((sum, x) => sum + x * x, 0) / x.length;
  // The largest eigenvalue of [[p, q], [q, r]] is the curvature in the steepest direction.
  const [p, q, r] = [2 * meanOfSquares, 2 * mean, 2];
  const largest = (p + r) / 2 + Math.hypot((p - r) / 2, q);
  // A step multiplies the distance from the minimum in this direction by 1 − rate·largest, which must stay above −1.
  return 2 / largest;
}
