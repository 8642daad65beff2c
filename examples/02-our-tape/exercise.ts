import { gradient } from '@mobinet/autograd';
import { add, ones, type RecordedCall, type Tensor, withRecorder } from '@mobinet/tensor';
import { todo } from '../lib/todo.js';

/** Exercise 1: the gradient of the length √(x₁² + … + xₙ²) of a vector, by the tape. */
export function gradientOfLength(x: Tensor): Tensor {
  return todo('write the length with operations of tensors, and differentiate it with `gradient`');
}

/**
 * Exercise 2: a point where the derivative of f is 0, by Newton's method: each step computes x − f′(x) / f″(x).
 *
 * @param f A function from a scalar to a scalar.
 */
export function newton(f: (x: Tensor) => Tensor, start: Tensor, steps: number): Tensor {
  return todo('differentiate f once and twice, and repeat Newton’s step');
}

/** Exercise 3: like `gradient`, but with a tape of your own, of fifteen lines. */
export function ownGradient(f: (x: Tensor) => Tensor, x: Tensor): Tensor {
  return todo('record the calls of f with `withRecorder`, and walk them backwards with their gradient rules');
}
