import { topologicalOrder, Value } from './value.js';

export function exp(x: Value): Value {
  const y = Math.exp(x.data);
  // eˣ is its own derivative.
  return new Value(y, [x], [y]);
}

export function div(a: Value, b: Value): Value {
  return new Value(a.data / b.data, [a, b], [1 / b.data, -a.data / (b.data * b.data)]);
}

export function forwardDerivative(result: Value, input: Value): number {
  const derivatives = new Map<Value, number>();
  for (const value of topologicalOrder(result)) {
    const sum = value.inputs.reduce((sum, each, i) => sum + value.slopes[i] * derivatives.get(each)!, 0);
    derivatives.set(value, value === input ? 1 : sum);
  }
  // A value that the result does not depend on is not in its order.
  return derivatives.get(result)!;
}

export function learnXor(): (x1: number, x2: number) => Value {
  // Three weights per neuron: of x1, of x2, and the bias. The hidden neurons must start differently, or they would have
  // the same gradients, and stay the same.
  const neurons = [
    [0.5, 0.4, 0.1],
    [-0.3, -0.6, 0.2],
    [0.2, -0.5, 0.1],
  ].map((weights) => weights.map((weight) => new Value(weight)));

  const fire = ([w1, w2, bias]: readonly Value[], x1: Value, x2: Value): Value =>
    w1.mul(x1).add(w2.mul(x2)).add(bias).tanh();
  const network = (x1: number, x2: number): Value => {
    const inputs = [new Value(x1), new Value(x2)] as const;
    return fire(neurons[2], fire(neurons[0], ...inputs), fire(neurons[1], ...inputs));
  };

  for (let step = 0; step < 500; step++) {
    const errors = [-1, 1].flatMap((x1) => [-1, 1].map((x2) => network(x1, x2).add(new Value(x1 * x2))));
    errors
      .map((error) => error.mul(error))
      .reduce((sum, square) => sum.add(square))
      .backward();
    for (const parameter of neurons.flat()) parameter.data -= 0.1 * parameter.gradient;
  }
  return network;
}
