import { inspect } from 'node:util';
import { dispose, memory, ones, Rng, square, sub, sum, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { valueAndGradient } from './differentiate.js';
import { PReLU, ReLU } from './layers/activations.js';
import { BatchNorm2d } from './layers/batch-norm.js';
import { Conv2d } from './layers/conv2d.js';
import { Embedding } from './layers/embedding.js';
import { Linear } from './layers/linear.js';
import { Sequential } from './layers/sequential.js';
import { type AnyModule, Module, modulesOf } from './module.js';
import { ExponentialMovingAverage } from './optimizers/exponential-moving-average.js';
import { SGD } from './optimizers/sgd.js';

class Unit extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm2d;

  constructor(channels: number, rng: Rng) {
    super();
    this.conv = new Conv2d(channels, channels, { bias: false, rng });
    this.norm = new BatchNorm2d(channels);
  }

  override forward(x: Tensor): Tensor {
    return this.norm.forward(this.conv.forward(x));
  }
}

class Net extends Module {
  readonly stem: Conv2d;
  readonly units: readonly Unit[];
  readonly head: Sequential;

  constructor(rng: Rng) {
    super();
    this.stem = new Conv2d(1, 2, { rng });
    this.units = [new Unit(2, rng), new Unit(2, rng)];
    this.head = new Sequential(new PReLU(2), new ReLU(), new Linear(2, 3, { rng }));
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.units.reduce((value, unit) => unit.forward(value), this.stem.forward(x)));
  }
}

const net = () => new Net(Rng.fromSeed(5));

describe('Module', () => {
  test('names parameters and state by field paths, in the order of the fields', () => {
    expect([...net().parameters().keys()]).toEqual([
      'stem.weight',
      'stem.bias',
      'units.0.conv.weight',
      'units.0.norm.gamma',
      'units.0.norm.beta',
      'units.1.conv.weight',
      'units.1.norm.gamma',
      'units.1.norm.beta',
      'head.layers.0.slope',
      'head.layers.2.weight',
      'head.layers.2.bias',
    ]);
    expect([...net().state().keys()]).toEqual([
      'units.0.norm.runningMean',
      'units.0.norm.runningVariance',
      'units.1.norm.runningMean',
      'units.1.norm.runningVariance',
    ]);
  });

  test('train() and eval() reach every module in it', () => {
    const model = net();
    const inside = [model, model.stem, ...model.units, model.units[1].norm, model.head, ...model.head.layers];
    expect(inside.map(({ training }) => training)).toEqual(inside.map(() => true));
    expect(model.eval()).toBe(model);
    expect(inside.map(({ training }) => training)).toEqual(inside.map(() => false));
    expect(model.train()).toBe(model);
    expect(inside.map(({ training }) => training)).toEqual(inside.map(() => true));
  });

  test('dispose() frees parameters and state', () => {
    const before = memory();
    net().dispose();
    expect(memory()).toEqual(before);
  });

  test('label() puts parameter names into error messages', () => {
    const model = net().label();
    expect(model.units[1].norm.runningMean.label).toBe('units.1.norm.runningMean');
    expect(() => model.forward(zeros([1, 4, 4, 3]))).toThrow(
      /conv2d: x has 3 channels, filter expects 1\n[\s\S]*stem\.weight/,
    );
    expect(() => model.units[0].forward(zeros([1, 4, 4, 3]))).toThrow('units.0.conv.weight');
    expect(() => model.head.layers[0].forward(zeros([2, 5]))).toThrow('head.layers.0.slope');
    expect(() => model.head.layers[2].forward(zeros([2, 5]))).toThrow('head.layers.2.weight');
    model.stem.weight.dispose();
    expect(() => model.forward(zeros([1, 4, 4, 1]))).toThrow('stem.weight was disposed');
  });
});

/** The squared distance of two vectors in the plane that a layer maps them to. */
class Siamese extends Module<[a: Tensor, b: Tensor], { readonly distance: Tensor }> {
  readonly layer: Linear;

  constructor(rng: Rng) {
    super();
    this.layer = new Linear(3, 2, { rng });
  }

  override forward(a: Tensor, b: Tensor) {
    return { distance: sum(square(sub(this.layer.forward(a), this.layer.forward(b)))) };
  }
}

describe('a module of several inputs that returns a record', () => {
  const siamese = () => new Siamese(Rng.fromSeed(3));

  test('is trained, averaged, listed and switched like any other', () => {
    const model = siamese();
    const average = new ExponentialMovingAverage(siamese(), { decay: 0.5 });
    const [a, b] = [tensor([[1, 0, 0]]), tensor([[0, 1, 0]])];
    const step = valueAndGradient((model: Siamese, a: Tensor, b: Tensor) => model.forward(a, b).distance);
    const optimizer = new SGD({ learningRate: 0.1 });
    const losses = [0, 1, 2].map(() => {
      const { value, gradients } = step(model, a, b);
      expectTypeOf(gradients.layer.weight).toEqualTypeOf<Tensor>();
      optimizer.update(model, gradients);
      average.update(model);
      return value.values[0];
    });
    expect(losses[2]).toBeLessThan(losses[0]);
    expect(average.module.forward(a, b).distance.values[0]).toBeLessThan(losses[0]);
    expect(modulesOf(model.eval()).map(({ training }) => training)).toEqual([false, false]);
    expect(`${model}`).toContain('layer: Linear');
  });

  test('has the types of its arguments and of its result', () => {
    const rng = Rng.fromSeed(0);
    expectTypeOf<Siamese>().toExtend<AnyModule>();
    expectTypeOf<Linear>().toExtend<AnyModule>();
    expectTypeOf<Siamese['forward']>().toEqualTypeOf<(a: Tensor, b: Tensor) => { distance: Tensor }>();
    expectTypeOf<Module['forward']>().toEqualTypeOf<(x: Tensor) => Tensor>();
    expectTypeOf(new ExponentialMovingAverage(siamese(), { decay: 0 }).module).toEqualTypeOf<Siamese>();
    expectTypeOf(new Sequential(new Linear(2, 1, { rng }))).toEqualTypeOf<Sequential>();
    const words = new Sequential(new Embedding(3, 2, { rng }), new Linear(2, 1, { rng }));
    expectTypeOf(words.forward).parameters.toEqualTypeOf<[x: Tensor<'i32'>]>();
    expectTypeOf(words.forward).returns.toEqualTypeOf<Tensor>();
    expect(words.forward(tensor([2, 0], { dtype: 'i32' })).shape).toEqual([2, 1]);
    const floats = ones([2]);
    // @ts-expect-error Floats are no indices.
    expect(() => words.forward(floats)).toThrow('embedding: indices must be i32, not f32');
    // @ts-expect-error An embedding does not take what a linear layer returns.
    new Sequential(new Linear(2, 1, { rng }), new Embedding(3, 2, { rng })).dispose();
    // @ts-expect-error A Sequential hands one tensor from module to module.
    new Sequential(new ReLU(), siamese());
    // @ts-expect-error The second tensor is missing.
    expect(() => siamese().forward(ones([1, 3]))).toThrow();
    const text = (model: Module) => model;
    // @ts-expect-error Not a module from a tensor to a tensor.
    text(siamese());

    class Wrong extends Module<[a: Tensor, b: Tensor]> {
      // @ts-expect-error The arguments are those of the declared type.
      override forward(a: number): Tensor {
        return ones([a]);
      }
    }
    expect(new Wrong()).toBeInstanceOf(Module);
  });
});

test('`using` disposes modules, optimizers and averages at the end of the block', () => {
  const before = memory();
  {
    using layer = new Linear(2, 1, { rng: Rng.fromSeed(0) });
    using average = new ExponentialMovingAverage(new Linear(2, 1, { rng: Rng.fromSeed(1) }), { decay: 0.9 });
    using optimizer = new SGD({ learningRate: 0.1, momentum: 0.9 });
    const { value, gradients } = valueAndGradient((layer: Linear) => sum(layer.forward(ones([1, 2]))))(layer);
    optimizer.update(layer, gradients);
    average.update(layer);
    dispose([value, gradients]);
    // Two parameters of each of the layers, and the velocities of the first.
    expect(memory().tensors - before.tensors).toBe(6);
  }
  expect(memory()).toEqual(before);
});

describe('layers', () => {
  const rng = Rng.fromSeed(6);

  test('Conv2d adds its bias to every pixel', () => {
    const layer = new Conv2d(2, 3, { stride: 2, rng });
    const x = rng.normal([1, 5, 4, 2]);
    const without = layer.forward(x);
    expect(without.shape).toEqual([1, 3, 2, 3]);
    layer.bias!.values.set([1, 2, 3]);
    const difference = layer.forward(x).values.map((value, at) => value - without.values[at]);
    expect([...difference]).toEqual([...difference].map((_, at) => expect.closeTo((at % 3) + 1, 5)));
  });

  test('Linear is x·Wᵀ + b, and starts within ±1/√inputs', () => {
    const layer = new Linear(3, 2, { rng });
    layer.weight.values.set([1, 2, 3, 4, 5, 6]);
    layer.bias!.values.set([10, 20]);
    expect([...layer.forward(tensor([[1, 0, -1]])).values]).toEqual([8, 18]);
    const wide = new Linear(100, 50, { bias: false, rng });
    expect(wide.bias).toBeNull();
    expect(Math.max(...wide.weight.values.map(Math.abs))).toBeLessThanOrEqual(Math.fround(0.1));
  });

  test('made with one generator start with different weights, the first with those of a single layer', () => {
    const [one, same] = [Rng.fromSeed(3), Rng.fromSeed(3)];
    const make = [
      (rng: Rng) => new Linear(2, 4, { rng }),
      (rng: Rng) => new Linear(2, 4, { rng }),
      (rng: Rng) => new Conv2d(2, 4, { kernel: 1, rng }),
      (rng: Rng) => new Conv2d(2, 4, { kernel: 1, rng }),
    ];
    const weights = make.map((layer) => [...layer(one).weight.values].join());
    expect(new Set(weights).size).toBe(4);
    expect(make.map((layer) => [...layer(same).weight.values].join())).toEqual(weights);
    expect([...make[0](Rng.fromSeed(3)).weight.values].join()).toBe(weights[0]);
  });

  test('Sequential frees intermediate results', () => {
    const layers = new Sequential(new ReLU(), new PReLU(4), new ReLU());
    const x = ones([2, 4]);
    const before = memory().tensors;
    layers.forward(x);
    expect(memory().tensors).toBe(before + 1);
  });

  test('print as a tree, with tied layers expanded once', () => {
    class Twice extends Module {
      readonly layers = [new PReLU(2), new ReLU()];
      readonly tied = this.layers[0];
      readonly options = { width: 1, nested: { list: [1, 2] } };

      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const net = new Twice();
    expect(`${net}`).toBe(
      ['Twice', '  layers:', '    0: PReLU', '      slope [2]', '    1: ReLU', '  tied: PReLU'].join('\n'),
    );
    expect(inspect({ net })).toContain('Twice\n');
    net.dispose();
  });
});
