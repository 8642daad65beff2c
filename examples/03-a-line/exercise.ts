import { SGD, valueAndGradient } from '@mobinet/autograd';
import type { Tensor } from '@mobinet/tensor';
import { todo } from '../lib/todo.js';

/** Exercise 1: the derivatives of mean((slope·x + intercept − y)²), by hand, without the tape. */
export function derivatives(
  x: readonly number[],
  y: readonly number[],
  { slope, intercept }: { slope: number; intercept: number },
): { slope: number; intercept: number } {
  return todo('work out both derivatives on paper, and compute them with plain loops');
}

/** Exercise 2: the coefficients [a, b, c] of the parabola a + b·x + c·x² that fits the points best, by descent. */
export function fitParabola(x: Tensor, y: Tensor): [a: number, b: number, c: number] {
  return todo('give the line a third parameter, and train until nothing changes any more');
}

/**
 * Exercise 3: an optimizer with momentum. Each call of the function that it returns updates the weights in place. It
 * keeps a velocity for each weight, which is 0 at first: v ← momentum·v + gradient, w ← w − learningRate·v.
 */
export function momentum(options: {
  learningRate: number;
  momentum: number;
}): (weights: number[], gradients: readonly number[]) => void {
  return todo('keep the velocities between calls, and update the weights with them');
}

/** Exercise 4: the learning rate from which on descent no longer converges to the best line through points at x. */
export function criticalLearningRate(x: readonly number[]): number {
  return todo('find the largest curvature of the loss: its matrix of second derivatives does not depend on y');
}
