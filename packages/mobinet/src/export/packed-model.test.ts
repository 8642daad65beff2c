import { test } from '@fast-check/vitest';
import { noGradient } from '@mobinet/autograd';
import { decodeSafetensors, dispose, memory, Rng, type Tensor, tensor } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { imageNetNormalization } from '../data/augment.js';
import { prepareImages } from '../data/prepare.js';
import { createMoBiNet } from '../networks/mobinet/mobinet.js';
import { summary } from '../summary/summary.js';
import { architectures, trainALittle } from './networks.test.helper.js';
import { packModel } from './pack.js';
import { loadPacked, unpackModel } from './packed-model.js';

describe('packModel and unpackModel', () => {
  test.prop([architectures], { numRuns: 8 })('reproduce the logits of the trained network bit for bit', (variant) => {
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
  });

  test('store bits instead of latent weights, and the given classes and preprocessing', () => {
    const model = createMoBiNet({ width: 0.25, imageSize: 32, classes: 3, k: 1 });
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
    // Rows of bits are padded to whole words, by less than one word per filter. Floats are those that are counted.
    const filters = names
      .filter((name) => name.endsWith('.folded'))
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
    height,
    width: 50,
    pixels: Uint8Array.from({ length: 3 * height * 50 }, (_, at) => (at * at) % 251),
  }));

  test('predicts the most probable classes of images', async () => {
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
    // Without class names and preprocessing in the file, the defaults apply.
    const unnamed = unpackModel(packModel(model));
    const [first] = await unnamed.predict(images);
    expect(first.map(({ name }) => name).sort()).toEqual(['class 0', 'class 1', 'class 2']);
    expect(await packed.predict([])).toEqual([]);
    unnamed.dispose();
    packed.dispose();
    dispose([x, logits]);
    expect(memory()).toEqual(before);
  });

  test('runs batches of any size in turn, and creates no tensor except the logits', () => {
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

  test('reports each layer to a watcher', () => {
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

const bitsOf = ({ values }: Tensor): number[] => [...new Uint32Array(values.slice().buffer)];
