import type { Rng, Tensor } from '@mobinet/tensor';
import { todo } from '../lib/todo.js';

/**
 * Exercise 1: sign(x) with the slope of `identity`, without `signWithEstimator`. `stopGradient(y)` equals y, but has no
 * gradient (`y.detach()` in PyTorch).
 */
export function signByDetour(x: Tensor): Tensor {
  return todo('find a sum whose value is sign(x), and whose only part with a gradient is x');
}

/**
 * Exercise 2: sign(x) with the slope 1 − tanh²(x), which is never 0: inputs far from 0 learn slowly, but do not stop.
 */
export function signWithTanhSlope(x: Tensor): Tensor {
  return todo('the detour of exercise 1 works for every ramp, not only for x');
}

/**
 * Exercise 3: `count` random numbers such that sign(x + noise), averaged over the noise, is the ramp tanh(x), whose
 * slope is that of exercise 2.
 *
 * @param rng `rng.uniform([count])` draws numbers from 0 to 1.
 */
export function noiseOfTanh(rng: Rng, count: number): Tensor {
  return todo('find the distribution of the noise, and draw from it by the inverse of its cumulative distribution');
}

/**
 * Exercise 4: x rounded to the nearest of the four levels −1, −1/3, 1/3 and 1, which two bits can store, with slope 1
 * from −1 to 1 and 0 elsewhere. Halfway between two levels, either is right.
 */
export function roundToTwoBits(x: Tensor): Tensor {
  return todo('compare x with the three thresholds between the levels, and take the detour through a ramp');
}
