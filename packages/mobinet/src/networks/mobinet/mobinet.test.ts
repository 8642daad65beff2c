import { crossEntropy, flatten, valueAndGradient } from '@mobinet/autograd';
import { dispose, memory, Rng, ShapeError, type Tensor, tensor } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { createMoBiNet, type MoBiNet } from './mobinet.js';
import { type MoBiNetOptions, mobinetOptions } from './options.js';

const tiny = { width: 0.125, k: 2, classes: 3 } as const;

/** Every block × pool × activation × shift × stem stride, with either padding and the smallest images that each accepts. */
const variants: Partial<MoBiNetOptions>[] = mobinetOptions.block.choices.flatMap((block) =>
  mobinetOptions.pool.choices.flatMap((pool) =>
    mobinetOptions.activation.choices.flatMap((activation) =>
      mobinetOptions.shift.choices.flatMap((shift, at) =>
        mobinetOptions.stemStride.choices.map((stemStride) => ({
          block,
          pool,
          activation,
          shift,
          padding: mobinetOptions.padding.choices[(at + stemStride) % 2],
          stemStride,
          imageSize: 16 * stemStride,
        })),
      ),
    ),
  ),
);

/** Waves, different for each image and channel. The means of plain noise would all be similar. */
function imagesFor({ options: { imageSize } }: MoBiNet, count: number): Tensor {
  const shape = [count, imageSize, imageSize, 3] as const;
  const images = Rng.fromSeed(imageSize).normal(shape);
  images.values.forEach((noise, at) => {
    const [pixel, wave] = [Math.floor(at / 3) % imageSize ** 2, 3 * Math.floor(at / (3 * imageSize ** 2)) + (at % 3)];
    const [row, column] = [Math.floor(pixel / imageSize), pixel % imageSize];
    images.values[at] = 2 * Math.sin(wave + row * Math.cos(wave) + column * Math.sin(2 * wave)) + 0.1 * noise;
  });
  return images;
}

const lossAndGradient = valueAndGradient((model: MoBiNet, images: Tensor, labels: Tensor<'i32'>) =>
  crossEntropy(model.forward(images), labels),
);

describe('createMoBiNet', () => {
  test('makes networks of every architecture, which map images to logits and leak no memory', () => {
    for (const variant of variants) {
      const model = createMoBiNet({ ...tiny, ...variant });
      const images = imagesFor(model, 1);
      const before = memory().tensors;
      const logits = model.forward(images);
      expect(logits.shape).toEqual([1, 3]);
      expect(logits.values.every(Number.isFinite)).toBe(true);
      expect(memory().tensors).toBe(before + 1);
      dispose([images, logits]);
      model.dispose();
    }
  });

  const trained = mobinetOptions.block.choices.flatMap((block, i) =>
    mobinetOptions.pool.choices.map((pool, j) => ({
      block,
      pool,
      activation: mobinetOptions.activation.choices[(i + j) % 3],
      shift: mobinetOptions.shift.choices[(i + 2 * j) % 2],
      padding: mobinetOptions.padding.choices[j % 2],
      // Where signs are constant, BatchNorm divides by √ε in layer after layer, which overflows unless the estimator
      // clips gradients.
      estimator: pool === 'average' ? mobinetOptions.estimator.choices[i % 3] : mobinetOptions.estimator.choices[j % 2],
      scalingGradient: mobinetOptions.scalingGradient.choices[j],
      k: i % 3,
    })),
  );

  test.each(trained)('with skip all, every parameter gets a gradient: %o', (variant) => {
    const model = createMoBiNet({ ...tiny, imageSize: 32, ...variant });
    const images = imagesFor(model, 6);
    const labels = tensor(Int32Array.of(0, 1, 2, 0, 1, 2), { dtype: 'i32' });
    const { gradients } = lossAndGradient(model, images, labels);
    const paths = new Map(flatten(gradients));
    const parameters = model.parameters();
    expect([...paths.keys()].sort()).toEqual([...parameters.keys()].sort());
    for (const [name, gradient] of paths) {
      expect(gradient.shape, name).toEqual(parameters.get(name)?.shape);
      expect(gradient.values.every(Number.isFinite), `${name} is finite`).toBe(true);
      // Repeated max pools make all activations positive, min pools negative. Deep units then see constant signs, and
      // only skip connections carry gradients.
      const mustLearn = variant.pool === 'average' || /^(stem|classifier)/.test(name);
      if (mustLearn) expect(gradient.values.some(Boolean), `${name} has a gradient`).toBe(true);
    }
    dispose([images, labels, gradients]);
    model.dispose();
  });

  test('refuses images of another shape with a ShapeError that shows both shapes', () => {
    const model = createMoBiNet({ ...tiny, imageSize: 32 });
    for (const shape of [
      [2, 16, 16, 3],
      [2, 32, 32, 1],
      [2, 32, 31, 3],
      [32, 32, 3],
    ]) {
      const images = Rng.fromSeed(0).normal(shape);
      expect(() => model.forward(images)).toThrow(ShapeError);
      expect(() => model.forward(images)).toThrow(`images must be [batch, 32, 32, 3]\n  x  [${shape.join(', ')}]`);
      images.dispose();
    }
    model.dispose();
  });

  test('the same seed gives the same weights, and another seed different ones', () => {
    const [first, second, other] = [1, 1, 2].map((seed) => createMoBiNet({ ...tiny, imageSize: 32, seed }));
    const weights = (model: MoBiNet): [string, string][] =>
      [...model.parameters(), ...model.state()].map(([name, { values }]) => [name, values.toString()]);
    expect(weights(second)).toEqual(weights(first));
    const known = new Map(weights(first));
    for (const [name, values] of weights(other)) {
      if (name.endsWith('.weight')) expect(values === known.get(name), name).toBe(false);
    }
    for (const model of [first, second, other]) model.dispose();
  });

  test('names and labels tensors by their field paths', () => {
    const model = createMoBiNet({ ...tiny, imageSize: 32 });
    const names = [...model.parameters().keys()];
    expect(names.slice(0, 4)).toEqual([
      'stem.conv.weight',
      'stem.norm.gamma',
      'stem.norm.beta',
      'stem.activation.slope',
    ]);
    expect(names).toEqual(
      expect.arrayContaining([
        'units.0.depthwise.conv.weight',
        'units.12.extra.activation.slope',
        'units.12.pointwise.norm.beta',
        'classifier.weight',
        'classifier.bias',
      ]),
    );
    expect([...model.state().keys()]).toContain('units.3.depthwise.norm.runningVariance');
    for (const [name, { label }] of model.parameters()) expect(label).toBe(name);
    model.dispose();
  });
});
