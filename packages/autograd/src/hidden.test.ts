import { mul, packBits, Rng, sum, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { gradient, valueAndGradient } from './differentiate.js';
import { ReLU } from './layers/activations.js';
import { Linear } from './layers/linear.js';
import { Sequential } from './layers/sequential.js';
import { Module } from './module.js';
import { SGD } from './optimizers/sgd.js';

/** Keeps its layer in a private field. */
class Private extends Module {
  readonly #layer = new Linear(2, 1, { rng: Rng.fromSeed(1) });

  override forward(x: Tensor): Tensor {
    return this.#layer.forward(x);
  }
}

/** Keeps its layer in a closure. */
class Closed extends Module {
  readonly run: (x: Tensor) => Tensor;

  constructor() {
    super();
    const layer = new Linear(2, 1, { rng: Rng.fromSeed(1) });
    this.run = (x) => layer.forward(x);
  }

  override forward(x: Tensor): Tensor {
    return this.run(x);
  }
}

const x = tensor([[1, 2]]);
const loss = (net: Module) => sum(net.forward(x));

describe('a module whose parameters cannot be found', () => {
  test.each([
    [new Private(), 'Private'],
    [new Closed(), 'Closed'],
    [new ReLU(), 'ReLU'],
    [new Sequential(new ReLU()), 'Sequential'],
  ])('is an error in the first step: %#', (net, name) => {
    const message = new RegExp(`^${name} has no parameters\\. .* private fields \\(#weight\\) or closures`);
    expect(() => valueAndGradient(loss)(net)).toThrow(message);
    expect(() => new SGD({ learningRate: 1 }).update(net, {} as never)).toThrow(message);
  });

  test('gradients of another network are rejected, and nothing changes', () => {
    const rng = Rng.fromSeed(1);
    const [net, other] = [new Linear(2, 1, { rng }), new Linear(3, 1, { rng })];
    const before = [...net.weight.values];
    const gradients = gradient((other: Linear) => sum(other.forward(zeros([1, 3]))))(other);
    expect(() => new SGD({ learningRate: 1 }).update(net, gradients)).toThrow(
      /^sgd: the gradient of weight has a different shape\n {2}parameter {2}\[1, 2\]\n {2}gradient {3}\[1, 3\]/,
    );
    expect([...net.weight.values]).toEqual(before);
  });

  test('integers, bits and empty trees are rejected', () => {
    const first = (trees: object) => gradient((_: object) => sum(x))(trees);
    expect(() => first(zeros([2], 'i32'))).toThrow(
      "only f32 tensors have gradients, but this one is i32. Use cast(x, 'f32') first.",
    );
    expect(() => first(packBits(x))).toThrow('this one is bits');
    expect(() => first({ stride: 2 })).toThrow('there is nothing to train or to differentiate with respect to');
    expect(() => first([])).toThrow('there is nothing to train or to differentiate with respect to');
    expect(() => gradient((_: object) => sum(mul(x, 2)))(new Map([['w', x]]))).toThrow('the parameters are a Map');
  });
});
