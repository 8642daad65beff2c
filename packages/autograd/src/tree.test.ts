import { type BitTensor, mul, packBits, Rng, sum, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { gradient } from './differentiate.js';
import { ReLU } from './layers/activations.js';
import { Linear } from './layers/linear.js';
import { Pool2d } from './layers/pooling.js';
import { Sequential } from './layers/sequential.js';
import { Module, modulesOf } from './module.js';
import { Parameter } from './parameter.js';
import { flatten, type Gradients, unflatten } from './tree.js';

class Net extends Module {
  readonly scale = new Parameter(tensor([1, 2]));
  readonly offset: Parameter | null = null;
  readonly average = zeros([2]);
  readonly signs = packBits(zeros([2]));
  readonly options = { stride: 1, window: [2, 2] };
  readonly layers = [
    new Linear(2, 3, { rng: Rng.fromSeed(1) }),
    new Linear(3, 1, { bias: false, rng: Rng.fromSeed(2) }),
  ];
  readonly tail = new Sequential(new ReLU(), new Pool2d('max', [2, 2]));

  override forward(x: Tensor): Tensor {
    return x;
  }
}

class Holder {
  constructor(readonly inside: unknown) {}
}

class Around extends Module {
  constructor(readonly held: unknown) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}

describe('flatten', () => {
  test('names the parameters of a module by their field paths, in the order of the fields', () => {
    expect(flatten(new Net()).map(([path]) => path)).toEqual([
      'scale',
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
    ]);
  });

  test('lists every f32 tensor outside of modules', () => {
    const x = zeros([1]);
    expect(flatten(x)).toEqual([['', x]]);
    const y = zeros([1]);
    expect(flatten({ a: [x, { deep: y }], n: 3, none: null, index: zeros([1], 'i32') }).map(([path]) => path)).toEqual([
      'a.0',
      'a.1.deep',
    ]);
    // A record without a prototype is searched too, but a Date is not, nor a Map of tensors that are listed elsewhere.
    const bare: Record<string, unknown> = Object.assign(Object.create(null), { x, map: new Map([['x', x]]) });
    expect(flatten([bare, null, undefined, new Date(), [[y]]])).toEqual([
      ['0.x', x],
      ['4.0.0', y],
    ]);
  });

  test('lists a tensor at several places once, under its first path', () => {
    const [x, y] = [zeros([1]), zeros([1])];
    expect(flatten([x, { y, again: x }, y])).toEqual([
      ['0', x],
      ['1.y', y],
    ]);
    // A tensor that is state of a module, and so not trained, is listed where it is outside of the module.
    const net = new Net();
    expect(flatten({ net, average: net.average }).at(-1)).toEqual(['average', net.average]);
  });

  test.each([
    [
      'a Map',
      (layer: Linear) => new Map([['a', layer]]),
      'is a Map that holds parameters',
      'Use a record or an array.',
    ],
    [
      'a Set',
      (layer: Linear) => new Set([layer.weight]),
      'is a Set that holds parameters',
      'Use a record or an array.',
    ],
    [
      'another class',
      (layer: Linear) => new Holder([layer]),
      'is a Holder that holds parameters',
      'Let Holder extend Module',
    ],
    [
      'a Map in a class',
      (layer: Linear) => new Holder(new Map([[1, layer]])),
      'is a Holder',
      'Let Holder extend Module',
    ],
  ])('rejects parameters in %s', (_, hold, problem, remedy) => {
    const layer = new Linear(2, 1, { rng: Rng.fromSeed(1) });
    const lists = [flatten, modulesOf, (module: Module) => module.parameters(), (module: Module) => module.state()];
    for (const all of lists) {
      expect(() => all(new Around(hold(layer)))).toThrow(`held ${problem}`);
      expect(() => all(new Around(hold(layer)))).toThrow(remedy);
    }
    // If the layer is also in a field, it is found there.
    expect(flatten(new Around([hold(layer), layer]))).toHaveLength(2);
    expect(() => flatten(hold(layer))).toThrow(/^the parameters are a (Map|Set|Holder), and training/);
  });

  test('rejects tensors in a Map outside of modules, but not state, integers or plain values', () => {
    expect(() => flatten([new Map([['x', zeros([1])]])])).toThrow('0 is a Map that holds parameters');
    expect(
      flatten(
        new Around(
          new Map<string, unknown>([
            ['mean', zeros([1])],
            ['n', 3],
          ]),
        ),
      ),
    ).toEqual([]);
    expect(flatten([new Map([['index', zeros([1], 'i32')]]), new Date(), new Uint8Array(3)])).toEqual([]);
  });

  test('visits a module inside itself once', () => {
    const net = new Around(new Parameter(tensor([1])));
    const inner = new Around(net);
    (net as { back?: Module }).back = inner;
    expect(flatten(net).map(([path]) => path)).toEqual(['held']);
    expect(net.eval().training || inner.training).toBe(false);
    const found = gradient((net: Around) => sum(mul(net.held as Tensor, 3)))(net);
    expect(flatten(found).map(([path, { values }]) => [path, ...values])).toEqual([['held', 3]]);
  });
});

describe('unflatten', () => {
  const marked = (tree: object) => new Map(flatten(tree).map(([path]) => [path, zeros([1])]));

  test('nests gradients like the parameters of a module, and contains nothing else', () => {
    const net = new Net();
    const values = marked(net);
    const built = unflatten(net, values);
    expect(built).toEqual({
      scale: values.get('scale'),
      layers: [
        { weight: values.get('layers.0.weight'), bias: values.get('layers.0.bias') },
        { weight: values.get('layers.1.weight') },
      ],
      tail: { layers: [{}, {}] },
    });
    expect(Object.keys(built)).toEqual(['scale', 'layers', 'tail']);
    expect(Object.keys(built.layers[1])).toEqual(['weight']);
  });

  test('leaves gaps for items of an array that are not trained', () => {
    const [a, b] = [zeros([1]), zeros([1])];
    const values = new Map([
      ['0', a],
      ['2.w', b],
    ]);
    expect(unflatten([zeros([1]), null, { w: zeros([1]), stride: 2 }, { stride: 2 }], values)).toEqual([
      a,
      undefined,
      { w: b },
      undefined,
    ]);
  });

  test('repeats the value of a tensor at each of its places', () => {
    const [w, value] = [new Parameter(tensor([1])), zeros([1])];
    const shared = new Around(w);
    const net = new Around([shared, { again: shared, w }]);
    expect(unflatten(net, new Map([['held.0.held', value]]))).toEqual({
      held: [{ held: value }, { again: { held: value }, w: value }],
    });
  });

  test('is the inverse of flatten', () => {
    for (const tree of [new Net(), [zeros([1]), { b: zeros([2]) }], zeros([3])]) {
      const values = marked(tree);
      expect(new Map(flatten(unflatten(tree, values)))).toEqual(values);
    }
  });
});

describe('Gradients', () => {
  test('have the type of their parameters', () => {
    expectTypeOf<Gradients<Tensor>>().toEqualTypeOf<Tensor>();
    expectTypeOf<Gradients<Parameter>>().toEqualTypeOf<Tensor>();
    expectTypeOf<Gradients<[Tensor, { w: Parameter }]>>().toEqualTypeOf<[Tensor, { w: Tensor }]>();
    expectTypeOf<Gradients<Tensor[]>>().toEqualTypeOf<Tensor[]>();
    expectTypeOf<Gradients<{ index: Tensor<'i32'>; bits: BitTensor; n: number }>>().toEqualTypeOf<{
      index: undefined;
      bits: undefined;
      n: undefined;
    }>();
    expectTypeOf<Gradients<Linear>>().toEqualTypeOf<{ readonly weight: Tensor; readonly bias: Tensor | undefined }>();
    expectTypeOf<keyof Gradients<ReLU>>().toBeNever();
    expectTypeOf<keyof Gradients<Net>>().toEqualTypeOf<'scale' | 'offset' | 'layers' | 'tail'>();
    expectTypeOf<Gradients<Net>['layers'][number]>().toEqualTypeOf<Gradients<Linear>>();
  });

  test('are what gradient() returns, for records and arrays too', () => {
    const net = new Net();
    const parameters = { net, extra: [tensor([3])] };
    const found = gradient(({ extra }: typeof parameters) => extra[0])(parameters);
    expectTypeOf(found.net.layers[0].weight).toEqualTypeOf<Tensor>();
    expect(found.net.layers[0].weight.shape).toEqual([3, 2]);
    expect([...found.extra[0].values]).toEqual([1]);
    expect(found.net.offset).toBeUndefined();
  });
});
