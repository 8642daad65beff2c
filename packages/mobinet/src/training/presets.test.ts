import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { mobinet } from '../networks/mobinet/network.js';
import { presetOptions } from '../networks/network.js';
import { checkTraining } from './options.js';
import { type PresetName, presets } from './presets.js';

const chosenFor = (images: number, { classes = 5, side = null as number | null } = {}) => {
  const data = { images, classes, side };
  const { model, training } = presets.photos(data, {});
  return { ...presetOptions(mobinet, 'photos', data), ...model, ...training };
};

describe('the preset photos', () => {
  test('takes many passes over few images, and larger images of many', () => {
    expect(chosenFor(400)).toMatchObject({ imageSize: 64, resize: 72, epochs: 200, batchSize: 16, stemStride: 2 });
    expect(chosenFor(800)).toMatchObject({ imageSize: 64, epochs: 100, batchSize: 16, warmupEpochs: 10, ema: 0.998 });
    expect(chosenFor(1600, { classes: 20 })).toMatchObject({ epochs: 100, batchSize: 16 });
    expect(chosenFor(4000)).toMatchObject({ imageSize: 64, epochs: 20, batchSize: 32 });
    expect(chosenFor(50_000)).toMatchObject({ imageSize: 128, resize: 144, epochs: 10, batchSize: 64 });
    expect(chosenFor(800, { side: 28 })).toMatchObject({ imageSize: 32, stemStride: 1 });
    expect([5, 101].map((classes) => chosenFor(5000, { classes }).width)).toEqual([0.5, 1]);
  });

  test('adapts warm-up and averages to other epochs and batches', () => {
    const { training } = presets.photos({ images: 800, classes: 5, side: null }, { epochs: 20, batchSize: 32 });
    expect(training).toMatchObject({ epochs: 20, batchSize: 32, warmupEpochs: 2, ema: 0.98 });
  });
});

property.prop([
  fc.constantFrom(...(Object.keys(presets) as PresetName[])),
  fc.record({
    images: fc.integer({ min: 1, max: 2_000_000 }),
    classes: fc.integer({ min: 1, max: 20_000 }),
    side: fc.option(fc.integer({ min: 1, max: 500 })),
  }),
  fc.record(
    { epochs: fc.integer({ min: 1, max: 1000 }), batchSize: fc.integer({ min: 1, max: 1000 }) },
    { requiredKeys: [] },
  ),
])('every preset gives valid settings for any data', (name, data, chosen) => {
  const { model, training } = presets[name](data, chosen);
  expect(() => checkTraining({ ...training, ...chosen })).not.toThrow();
  expect(() => mobinet.resolve({ ...model, ...presetOptions(mobinet, name, data) })).not.toThrow();
});
