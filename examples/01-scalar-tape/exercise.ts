import { todo } from '../lib/todo.js';
import { topologicalOrder, type Value } from './value.js';

/** Exercise 1: eˣ, with its slope. */
export function exp(x: Value): Value {
  return todo('make a value of eˣ whose input is x, and whose slope is the derivative of eˣ');
}

/** Exercise 1: a / b, with both slopes. */
export function div(a: Value, b: Value): Value {
  return todo('make a value of a / b, with the derivatives with respect to a and to b');
}

/**
 * Exercise 2: the derivative of `result` with respect to `input`, computed forwards: from the inputs to the result.
 */
export function forwardDerivative(result: Value, input: Value): number {
  return todo('walk the topological order, and keep the derivative of each value with respect to the input');
}

/** Exercise 3: a network that computes the exclusive or of −1 (false) and +1 (true), as a number of the right sign. */
export function learnXor(): (x1: number, x2: number) => Value {
  return todo('train hidden neurons, and one that takes their outputs; a single neuron cannot learn it');
}
