import { fc, test } from '@fast-check/vitest';
import { add, dispose, matmul, memory, mul, Rng, square, sum, type Tensor, tensor } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { clipByGlobalNorm, globalNorm } from './clip.js';
import { gradient, valueAndGradient } from './differentiate.js';
import { BatchNorm2d } from './layers/batch-norm.js';
import { Linear } from './layers/linear.js';
import { Module } from './module.js';
import { Adam, AdamW } from './optimizers/adam.js';
import type { Optimizer } from './optimizers/optimizer.js';
import { SGD } from './optimizers/sgd.js';
import { Parameter } from './parameter.js';

/** y = w·(w·x), with the same w under two names. */
class Tied extends Module {
  readonly encoder: Parameter;
  readonly decoder: Parameter;

  constructor(w: Parameter) {
    super();
    this.encoder = w;
    this.decoder = w;
  }

  override forward(x: Tensor): Tensor {
    return mul(this.decoder, mul(this.encoder, x));
  }
}

/** The same, with one name. */
class Plain extends Module {
  constructor(readonly encoder: Parameter) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return mul(this.encoder, mul(this.encoder, x));
  }
}

/** A layer and a norm that are used twice. */
class Shared extends Module {
  readonly first: Linear;
  readonly norm = new BatchNorm2d(2);
  readonly second: { readonly layer: Linear; readonly norm: BatchNorm2d };

  constructor(rng: Rng) {
    super();
    this.first = new Linear(2, 2, { rng });
    this.second = { layer: this.first, norm: this.norm };
  }

  override forward(x: Tensor): Tensor {
    return this.second.norm.forward(this.second.layer.forward(this.norm.forward(this.first.forward(x))));
  }
}

const optimizers: [string, () => Optimizer][] = [
  ['SGD with momentum and decay', () => new SGD({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.1 })],
  ['Adam', () => new Adam({ weightDecay: 0.1 })],
  ['AdamW', () => new AdamW({ weightDecay: 0.1 })],
];

const numbers = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 3, maxLength: 3 });

describe('tied parameters', () => {
  test.each(optimizers)('are changed once by %s, by the sum of their gradients', (_, make) => {
    fc.assert(
      fc.property(numbers, numbers, (start, input) => {
        const x = tensor(input);
        const train = (net: Module, optimizer: Optimizer) => {
          const step = valueAndGradient((net: Module) => sum(square(net.forward(x))));
          for (let i = 0; i < 3; i++) {
            const { gradients } = step(net);
            optimizer.update(net, clipByGlobalNorm(gradients, 5));
          }
          return { values: [...[...net.parameters().values()][0].values], state: optimizer.state };
        };
        const tied = train(new Tied(new Parameter(tensor(start))), make());
        const plain = train(new Plain(new Parameter(tensor(start))), make());
        expect(tied.values).toEqual(plain.values);
        expect([...tied.state.tensors.keys()]).toEqual([...plain.state.tensors.keys()]);
      }),
      { numRuns: 5 },
    );
  });

  test('have one name, count once in the global norm, and have their gradient under both names', () => {
    const net = new Tied(new Parameter(tensor([3])));
    expect([...net.parameters().keys()]).toEqual(['encoder']);
    expect(net.label().decoder.label).toBe('encoder');
    const found = gradient((net: Tied) => sum(net.forward(tensor([2]))))(net);
    expect([...found.encoder.values]).toEqual([12]);
    expect(found.decoder).toBe(found.encoder);
    expect([...globalNorm(found).values]).toEqual([12]);
    const clipped = clipByGlobalNorm(found, 6);
    expect([...clipped.decoder.values]).toEqual([6]);
    expect(clipped.decoder).toBe(clipped.encoder);
  });

  test('include those of a shared layer, and so does its state', () => {
    const rng = Rng.fromSeed(2);
    const net = new Shared(rng);
    expect([...net.parameters().keys()]).toEqual(['first.weight', 'first.bias', 'norm.gamma', 'norm.beta']);
    expect([...net.state().keys()]).toEqual(['norm.runningMean', 'norm.runningVariance']);
    const { gradients } = valueAndGradient((net: Shared) => sum(square(net.forward(rng.normal([4, 2])))))(net);
    expect(gradients.second.layer).toBe(gradients.first);
    const optimizer = new SGD({ learningRate: 0.5 });
    const { values } = net.first.weight;
    const expected = values.map((w, at) => w - 0.5 * gradients.first.weight.values[at]);
    optimizer.update(net, gradients);
    expect([...values]).toEqual([...expected]);
  });

  test('in an array have the sum over all uses at each place', () => {
    const w = tensor([[1, 2]]);
    const both = gradient(([a, b]: Tensor[]) => sum(add(matmul(a, tensor([[3], [4]])), mul(b, 10))))([w, w]);
    expect(both.map(({ values }) => [...values])).toEqual([
      [16, 18],
      [16, 18],
    ]);
    new SGD({ learningRate: 1 }).update([w, w], both);
    expect([...w.values]).toEqual([-15, -16]);
  });

  test('are loaded under their one name, and stay tied', () => {
    const make = (w: number) => new Tied(new Parameter(tensor([w])));
    const saved = new Map([...make(5).parameters()].map(([name, { values }]) => [name, values.slice()]));
    const net = make(1);
    for (const [name, parameter] of net.parameters()) parameter.values.set(saved.get(name)!);
    expect([...net.forward(tensor([1])).values]).toEqual([25]);
  });

  test('leave no tensor behind', () => {
    const before = memory();
    const net = new Tied(new Parameter(tensor([3])));
    const x = tensor([2]);
    const optimizer = new Adam();
    const { value, gradients } = valueAndGradient((net: Tied) => sum(net.forward(x)))(net);
    optimizer.update(net, gradients);
    dispose([value, gradients, x]);
    optimizer.dispose();
    net.dispose();
    expect(memory()).toEqual(before);
  });
});
