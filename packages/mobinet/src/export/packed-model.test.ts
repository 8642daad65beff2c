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
import { createMoBiNet } from '../model/mobinet.js';
import { summary } from '../model/summary.js';
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
      expect(packed.info).toEqual({ options: model.options });
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
      .filter((name) => name.endsWith('.alpha'))
      .reduce((n, name) => n + (tensors.get(name)?.size ?? 0), 0);
    expect(32 * byDtype('u32')).toBeGreaterThanOrEqual(counted.binaryParameters);
    expect(32 * byDtype('u32')).toBeLessThan(counted.binaryParameters + 32 * filters);
    expect(byDtype('f32')).toBe(counted.floatParameters);
    const packed = unpackModel(bytes);
    expect(packed.info).toEqual({ options: model.options, ...info });
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
    const predictions = packed.predict(images, { top: 2 });
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
    expect(
      unnamed
        .predict(images)[0]
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['class 0', 'class 1', 'class 2']);
    expect(packed.predict([])).toEqual([]);
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
    expect(packed.segments.map(({ name }) => name)).toEqual(layers.slice(1, -1).map(({ name }) => name));
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
  const options = (changes: object) => (parts: Parts) => {
    parts.metadata.options = JSON.stringify({ ...JSON.parse(parts.metadata.options), ...changes });
  };

  const cases: [what: string, change: (parts: Parts) => void, message: string][] = [
    ['another format', metadata('format', 'pt'), 'not a packed model: a safetensors file without'],
    ['another version', metadata('version', '2'), 'version 2 of the format is not known, only 1'],
    ['no options', ({ metadata }) => delete metadata.options, 'its metadata cannot be read'],
    ['options that are no JSON', metadata('options', '{"block":\n "mid"'), 'its metadata cannot be read'],
    ['options that are null', metadata('options', 'null'), 'its metadata cannot be read'],
    ['an unknown option', options({ depth: 3 }), "has no option 'depth'"],
    ['a bad option', options({ k: -1 }), 'k must be a whole number'],
    ['options of a float twin', options({ precision: 'float' }), 'a packed network is binary, not float'],
    ['options without a plan', options({ k: 7 }), 'units.0.depthwise: groups of 2^K = 128'],
    ['a network beyond all memory', options({ width: 1e12 }), 'width must be a number above 0, up to 64, not'],
    [
      'an image beyond all memory',
      options({ imageSize: 5000 }),
      'an image takes 2.30 GB on its way through the network',
    ],
    ['weights beyond all memory', options({ width: 16 }), 'of weights, more than the 1.07 GB that one may have'],
    ['a class twice', metadata('classes', '["a","b","a"]'), 'classes name "a" twice'],
    ['another checksum', metadata('checksum', '0'.repeat(32)), 'it is damaged: what it holds does not match'],
    ['a key of nobody', metadata('__proto', ''), 'its metadata has a key "__proto"'],
    [
      'a deviation of 0',
      metadata('preprocessing', '{"resize":32,"normalization":{"mean":[0,0,0],"std":[1,0,1]}}'),
      'preprocessing.normalization.std[1] must be a number from 0.000001 to 10, not 0',
    ],
    ['options of another network', options({ activation: 'relu' }), 'tensor units.0.depthwise.slope does not belong'],
    [
      'options of another width',
      options({ width: 0.5 }),
      'tensor stem.weight is f32 [8,3,3,3], but its options ask for f32 [16,3,3,3]',
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
      ({ tensors }) => tensors.delete('units.3.extra.alpha'),
      'tensor units.3.extra.alpha is missing',
    ],
    ['an extra tensor', ({ tensors }) => tensors.set('units.13.x', ones([2])), 'tensor units.13.x does not belong'],
    [
      'a tensor of another shape',
      ({ tensors }) => tensors.set('classifier.bias', ones([4])),
      'tensor classifier.bias is f32 [4]',
    ],
    [
      'a transposed tensor',
      ({ tensors }) => tensors.set('classifier.weight', ones([256, 3])),
      'tensor classifier.weight is f32 [256,3]',
    ],
    [
      'floats where bits should be',
      ({ tensors }) => tensors.set('units.0.extra.signs', ones([16, 1])),
      'tensor units.0.extra.signs is f32',
    ],
    [
      'NaN',
      ({ tensors }) => tensors.get('units.5.pointwise.scale')?.values.fill(Number.NaN, 7, 8),
      'tensor units.5.pointwise.scale holds a number that is not finite',
    ],
    [
      'infinity',
      ({ tensors }) => tensors.get('stem.weight')?.values.fill(Number.POSITIVE_INFINITY, 0, 1),
      'tensor stem.weight holds a number that is not finite',
    ],
    [
      'bits beyond a row',
      ({ tensors }) => tensors.get('units.0.depthwise.signs')?.values.fill(1 << 18, 3, 4),
      'tensor units.0.depthwise.signs has bits set beyond the 18 weights of a filter',
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
