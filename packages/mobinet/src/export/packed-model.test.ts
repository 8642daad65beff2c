import { test } from '@fast-check/vitest';
import { noGradient } from '@mobinet/autograd';
import {
  decodeSafetensors,
  dispose,
  encodeSafetensors,
  FormatError,
  memory,
  Rng,
  type Safetensors,
  type Tensor,
  tensor,
} from '@mobinet/tensor';
import { beforeAll, describe, expect } from 'vitest';
import { imageNetNormalization } from '../data/augment.js';
import { prepareImages } from '../data/prepare.js';
import { createMoBiNet } from '../networks/mobinet/mobinet.js';
import { summary } from '../summary/summary.js';
import { architectures, trainALittle } from './networks.test.helper.js';
import { packModel } from './pack.js';
import { loadPacked, unpackModel } from './packed-model.js';

describe('packModel and unpackModel', () => {
  test.prop([architectures], { numRuns: 8 })(
    'the logits are those of the trained network, to the last bit',
    (variant) => {
      const model = createMoBiNet({ width: 0.25, imageSize: 16 * (variant.stemStride ?? 2), classes: 3, ...variant });
      trainALittle(model, Rng.fromSeed(variant.seed ?? 0));
      const before = memory();
      const bytes = packModel(model);
      const packed = unpackModel(bytes);
      const { imageSize } = model.options;
      const images = Rng.fromSeed(1).normal([3, imageSize, imageSize, 3]);
      const [trained, restored] = noGradient(() => [model.eval().forward(images), packed.forward(images)]);
      expect(trained.values.every(Number.isFinite)).toBe(true);
      expect(bitsOf(restored)).toEqual(bitsOf(trained));
      expect(packed.info).toEqual({});
      expect(bytes.byteLength).toBe(summary(model).savedBytes);

      dispose([images, trained, restored]);
      packed.dispose();
      expect(memory()).toEqual(before);
      model.dispose();
    },
  );

  test('the file holds bits in place of latent weights, and classes and preprocessing as given', () => {
    const model = createMoBiNet(small);
    const info = { classes: ['ö', 'b"', 'c'], preprocessing: { resize: 40, normalization: imageNetNormalization } };
    const bytes = packModel(model, info);
    const counted = summary(model, info);
    expect(bytes.byteLength).toBe(counted.savedBytes);
    const { tensors } = decodeSafetensors(bytes);
    const names = [...tensors.keys()];
    expect(names.filter((name) => name.endsWith('.signs'))).toHaveLength(13 * 3);
    expect(names.filter((name) => name.endsWith('.weight'))).toEqual(['stem.weight', 'classifier.weight']);
    const byDtype = (dtype: string): number =>
      [...tensors.values()].filter((t) => t.dtype === dtype).reduce((sum, { size }) => sum + size, 0);
    // Rows of bits are padded to whole words, by less than one word a filter; floats: those counted, and nothing else.
    const filters = names
      .filter((name) => name.endsWith('.lines'))
      .reduce((sum, name) => sum + tensors.get(name)!.shape[1], 0);
    expect(32 * byDtype('u32')).toBeGreaterThanOrEqual(counted.binaryParameters);
    expect(32 * byDtype('u32')).toBeLessThan(counted.binaryParameters + 32 * filters);
    expect(byDtype('f32')).toBe(counted.floatParameters);
    const packed = unpackModel(bytes);
    expect(packed.info).toEqual(info);
    packed.dispose();
    dispose(tensors);
    model.dispose();
  });
});

describe('a loaded network', () => {
  const model = createMoBiNet({ width: 0.25, imageSize: 32, classes: 3, seed: 5 });
  trainALittle(model, Rng.fromSeed(5));
  const preprocessing = { resize: 36, normalization: imageNetNormalization };
  const bytes = packModel(model, { classes: ['cat', 'dog', 'owl'], preprocessing });
  const images = [40, 90].map((height) => ({
    ...{ height, width: 50 },
    pixels: Uint8Array.from({ length: 3 * height * 50 }, (_, at) => (at * at) % 251),
  }));

  test('tells the most probable classes of images', async () => {
    const before = memory();
    const packed = await loadPacked(bytes);
    const x = prepareImages(images, preprocessing, 32);
    const logits = packed.forward(x);
    const predictions = await packed.predict(images, { top: 2 });
    expect(predictions.map((classes) => classes.length)).toEqual([2, 2]);
    predictions.forEach(([first, second], image) => {
      const own = [...logits.values.subarray(3 * image, 3 * image + 3)];
      const sum = own.reduce((sum, logit) => sum + Math.exp(logit), 0);
      const [best, next] = ['cat', 'dog', 'owl']
        .map((name, c) => ({ name, probability: Math.exp(own[c]) / sum }))
        .sort((a, b) => b.probability - a.probability);
      expect([first.name, second.name]).toEqual([best.name, next.name]);
      expect(first.probability).toBeCloseTo(best.probability, 5);
    });
    // Without names and preprocessing, classes are counted, and images prepared as usual.
    const unnamed = unpackModel(packModel(model));
    const [first] = await unnamed.predict(images);
    expect(first.map(({ name }) => name).sort()).toEqual(['class 0', 'class 1', 'class 2']);
    expect(await packed.predict([])).toEqual([]);
    unnamed.dispose();
    packed.dispose();
    dispose([x, logits]);
    expect(memory()).toEqual(before);
  });

  test('runs batches of any size, one after the other, and makes no tensor but the logits', () => {
    const packed = unpackModel(bytes);
    const single = Rng.fromSeed(1).normal([1, 32, 32, 3]);
    const four = tensor(new Float32Array([0, 1, 2, 3].flatMap(() => [...single.values])), { shape: [4, 32, 32, 3] });
    const [alone, together] = [packed.forward(single), packed.forward(four)];
    for (let image = 0; image < 4; image++) {
      const own = together.values.subarray(3 * image, 3 * image + 3);
      for (const [c, logit] of own.entries()) expect(logit).toBeCloseTo(alone.values[c], 4);
    }
    const before = memory();
    const again = packed.forward(four);
    expect(memory().tensors).toBe(before.tensors + 1);
    expect(again.values).toEqual(together.values);
    dispose([single, four, alone, together, again]);
    packed.dispose();
  });

  test('can be watched, layer by layer', () => {
    const packed = unpackModel(bytes);
    const x = Rng.fromSeed(1).normal([2, 32, 32, 3]);
    const layers: { name: string; shape?: readonly number[] }[] = [];
    const logits = packed.watch(x, ({ name, signs, milliseconds }) => {
      expect(milliseconds).toBeGreaterThanOrEqual(0);
      layers.push({ name, ...(signs && { shape: signs.shape }) });
    });
    expect(logits.values).toEqual(packed.forward(x).values);
    expect(layers).toHaveLength(1 + 13 * 3 + 1);
    expect(layers[0]).toEqual({ name: 'stem', shape: [2, 16, 16, 8] });
    expect(layers[6]).toEqual({ name: 'units.1.pointwise', shape: [2, 8, 8, 32] });
    expect(layers.at(-1)).toEqual({ name: 'classifier' });
    expect(layers.map(({ name }) => name)).toEqual(summary(packed).layers.map(({ name }) => name));
    packed.dispose();
  });
});

const small = { width: 0.25, imageSize: 32, classes: 3, k: 1 } as const;

describe('a file that is not what it promises', () => {
  type Parts = Safetensors;

  let whole: Uint8Array;

  beforeAll(() => {
    const model = createMoBiNet(small);
    whole = packModel(model, { classes: ['a', 'b', 'c'] });
    model.dispose();
  });

  /** A packed file with something changed. */
  function spoiled(change: (parts: Parts) => void): Uint8Array {
    const parts = decodeSafetensors(whole);
    const before = [...parts.tensors.values()];
    // Files of before had none, and say nothing of what was changed.
    delete parts.metadata.checksum;
    change(parts);
    const bytes = encodeSafetensors(parts.tensors, parts.metadata);
    dispose([before, parts.tensors]);
    return bytes;
  }

  function expectRefused(bytes: Uint8Array, message: string | RegExp): void {
    const before = memory();
    let error: unknown;
    try {
      unpackModel(bytes, 'cat.safetensors');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(FormatError);
    const text = (error as Error).message;
    expect(text).toMatch(message);
    expect(text).toMatch(/^cat\.safetensors: .+$/);
    expect(text).not.toMatch(/\n/);
    expect(memory()).toEqual(before);
  }

  const ones = (shape: number[]): Tensor =>
    tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), { shape });
  const metadata = (key: string, value: string) => (parts: Parts) => {
    parts.metadata[key] = value;
  };
  const program =
    (change: (program: { images: number[]; nodes: unknown[][]; signs: object }) => void) => (parts: Parts) => {
      const own = JSON.parse(parts.metadata.program);
      change(own);
      parts.metadata.program = JSON.stringify(own);
    };
  /** A node of the program, to be changed: [op, inputs, options]. */
  const node = (at: number, change: (node: [string, (number | string)[], Record<string, unknown>]) => void) =>
    program(({ nodes }) => change(nodes[at - 1] as never));

  const cases: [what: string, change: (parts: Parts) => void, message: string][] = [
    ['another format', metadata('format', 'pt'), 'not a packed model: a safetensors file without'],
    ['a version of before', metadata('version', '1'), 'version 1 of the format is not known, only 2'],
    ['no program', ({ metadata }) => delete metadata.program, 'its metadata have no program'],
    ['a program that is no JSON', metadata('program', '{"images":\n [32'), 'JSON'],
    ['a program that is null', metadata('program', 'null'), 'program must be an object, not null'],
    ['images without colours', program((own) => own.images.pop()), 'program.images must have 3 sizes, not [32,32]'],
    [
      'images beyond all memory',
      program((own) => own.images.fill(2 ** 23, 0, 2)),
      'a size of an image must be a whole number from 1 to 16384, not 8388608',
    ],
    ['an image that is large on its way', program((own) => own.images.fill(16_000, 0, 2)), 'bytes on its way through'],
    ['no nodes', program((own) => own.nodes.splice(0)), 'program.nodes must be a list of 1 to 10000 nodes'],
    ['a node that is none', program((own) => own.nodes.push(['relu'])), 'must be [op, inputs, options], not ["relu"]'],
    [
      'an op that nobody knows',
      node(1, (own) => {
        own[0] = 'conv3d';
      }),
      'node 1, "conv3d": an op that is not known',
    ],
    [
      'an op of every object',
      node(1, (own) => {
        own[0] = 'toString';
      }),
      'node 1, "toString": an op that is not known',
    ],
    [
      'a cycle',
      node(2, (own) => {
        own[1][0] = 2;
      }),
      'node 2, "affine": there is nothing called 2 before it',
    ],
    [
      'a value that nobody makes',
      node(1, (own) => {
        own[1][1] = 'stem.wait';
      }),
      'there is nothing called "stem.wait" before it',
    ],
    ['too few inputs', node(1, (own) => own[1].pop()), 'node 1, "conv2d": it has 1 inputs, but takes x, weight'],
    [
      'bits where floats should be',
      node(5, (own) => {
        own[0] = 'relu';
        own[1] = [4];
      }),
      'node 5, "relu": input 1 is bits, but must be f32',
    ],
    [
      'a stride of 0',
      node(1, (own) => {
        own[2].stride = [0, 1];
      }),
      'node 1, "conv2d": stride must be a whole number from 1',
    ],
    [
      'groups that do not divide',
      node(1, (own) => {
        own[2].groups = 2;
      }),
      'node 1, "conv2d": ',
    ],
    [
      'a result that are no logits',
      program((own) => own.nodes.splice(3)),
      'its result is f32 [1, 16, 16, 8], but must be f32 [batch, classes]',
    ],
    [
      'a node of constants alone',
      program(({ nodes }) => nodes.splice(3, 0, ['relu', ['stem.slope'], {}])),
      'node 4, "relu": none of its inputs depends on the images',
    ],
    [
      'counts of another kind',
      program(({ nodes }) => {
        const at = nodes.findIndex(([op]) => op === 'countLines');
        nodes[at][0] = 'scaleCounts';
        (nodes[at][1] as unknown[]).pop();
        nodes[at][2] = {};
      }),
      '"scaleCounts": input 1 is u8, but must be i32',
    ],
    [
      'a mean over the images',
      program(({ nodes }) => {
        const at = nodes.findIndex(([op]) => op === 'mean');
        nodes[at][2] = { axes: [0, 1, 2], keepDims: false };
      }),
      'what mixes the images of a batch has no place in a packed file',
    ],
    ['a class twice', metadata('classes', '["a","b","a"]'), 'classes name "a" twice'],
    ['another checksum', metadata('checksum', '0'.repeat(32)), 'it is damaged: what it holds does not match'],
    ['a key of nobody', metadata('__proto', ''), 'its metadata has a key "__proto"'],
    [
      'a deviation of 0',
      metadata('preprocessing', '{"resize":32,"normalization":{"mean":[0,0,0],"std":[1,0,1]}}'),
      'preprocessing.normalization.std[1] must be a number from 0.000001 to 10, not 0',
    ],
    ['too few classes', metadata('classes', '["a"]'), 'classes must be a list of 3 names'],
    ['classes that are none', metadata('classes', '{"length":3}'), 'classes must be a list of 3 names'],
    [
      'preprocessing without numbers',
      metadata('preprocessing', '{"resize":"32"}'),
      'preprocessing.resize must be a whole number from 1 to 16384, not "32"',
    ],
    [
      'preprocessing of gray images',
      metadata('preprocessing', '{"resize":32,"normalization":{"mean":[0],"std":[1]}}'),
      'preprocessing.normalization.mean must be three numbers, for red, green and blue, not [0]',
    ],
    [
      'a missing tensor',
      ({ tensors }) => tensors.delete('units.3.extra.lines'),
      'there is nothing called "units.3.extra.lines" before it',
    ],
    [
      'missing signs',
      ({ tensors }) => tensors.delete('units.3.extra.signs'),
      'the signs units.3.extra.signs must be u32',
    ],
    ['an extra tensor', ({ tensors }) => tensors.set('units.13.x', ones([2])), 'tensor units.13.x is read by no node'],
    [
      'a tensor of another shape',
      ({ tensors }) => tensors.set('classifier.bias', ones([4])),
      '"add": add: shapes [1, 3] and [4] do not broadcast',
    ],
    ['a transposed tensor', ({ tensors }) => tensors.set('classifier.weight', ones([256, 3])), '"matmul": matmul: '],
    [
      'floats where bits should be',
      ({ tensors }) => tensors.set('units.0.extra.signs', ones([16, 1])),
      'the signs units.0.extra.signs must be u32 [16, 1] for the shape [16,1,1,8]',
    ],
    [
      'NaN',
      ({ tensors }) => tensors.get('units.5.pointwise.lines')?.values.fill(Number.NaN, 7, 8),
      'tensor units.5.pointwise.lines holds a number that is not finite',
    ],
    [
      'infinity',
      ({ tensors }) => tensors.get('stem.weight')?.values.fill(Number.POSITIVE_INFINITY, 0, 1),
      'tensor stem.weight holds a number that is not finite',
    ],
  ];

  test.each(cases)('%s', (_, change, message) => {
    expectRefused(spoiled(change), escaped(message));
  });

  test('any part of a file is refused', () => {
    unpackModel(whole).dispose();
    // Files of before have no checksum.
    unpackModel(spoiled(() => {})).dispose();
    for (const length of [0, 4, 8, 100, 3000, whole.length >> 1, whole.length - 1]) {
      expectRefused(whole.subarray(0, length), /./);
    }
    expectRefused(whole.slice(0, 64).reverse(), /./);
  });
});

const escaped = (text: string): RegExp => new RegExp(text.replace(/[[\](){}.*+?^$|\\]/g, '\\$&'));
const bitsOf = ({ values }: Tensor): number[] => [...new Uint32Array(values.slice().buffer)];
