import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { withBackend } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { mobinet } from '../networks/mobinet/network.js';
import type { MoBiNetOptions } from '../networks/mobinet/options.js';
import { fitMicroBatches } from './fit-memory.js';
import type { MeasuredStep } from './measure-step.test.helper.js';
import { paperTraining, type TrainingOptions } from './options.js';
import { type StepPlan, stepMemory } from './step-memory.js';

const planOf = (options: Partial<MoBiNetOptions>, training: StepPlan['training']): Omit<StepPlan, 'microBatches'> => ({
  network: mobinet,
  options: mobinet.resolve(options),
  training,
});

/** The size of the memory in bytes after two steps. */
async function measure(step: MeasuredStep): Promise<number> {
  const worker = new Worker(new URL('./measure-step.test.helper.js', import.meta.url), { workerData: step });
  const [bytes] = await once(worker, 'message');
  await worker.terminate();
  return bytes;
}

describe('the memory of a step', () => {
  const cases: [
    options: Partial<MoBiNetOptions>,
    optimizer: TrainingOptions['optimizer'],
    batch: number,
    pieces: number,
    more?: { readonly ema?: number; readonly hasTeacher?: boolean },
  ][] = [
    [{ imageSize: 64, width: 0.5 }, 'adam', 16, 1],
    [{ imageSize: 64, width: 0.5 }, 'adam', 32, 2],
    [{ imageSize: 32, width: 0.25 }, 'sgd', 128, 1],
    [{ imageSize: 96, width: 0.25, block: 'pre', k: 2, padding: 'zero', estimator: 'clip' }, 'adamw', 16, 1],
    [{ imageSize: 64, width: 0.25, block: 'none', activation: 'relu', pool: 'max', stemStride: 1 }, 'adam', 16, 1],
    [{ imageSize: 64, width: 0.25, block: 'post', estimator: 'identity', k: 0 }, 'bop', 48, 1],
    [{ imageSize: 64, width: 0.25, block: 'none', shift: 'learned', activation: 'rprelu' }, 'adam', 32, 1],
    [{ imageSize: 64, width: 0.25, precision: 'float' }, 'rmsprop', 32, 1],
    [{ imageSize: 64, width: 0.125, skip: 'none', k: 1 }, 'adam', 48, 1],
    [{ imageSize: 32, width: 1, block: 'none' }, 'sgd', 8, 1, { ema: 0.999 }],
    [{ imageSize: 64, width: 0.5 }, 'adam', 32, 2, { hasTeacher: true }],
  ];

  test.each(cases)(
    '%o, %s, %i images in %i pieces: the estimate is at most 1.5 times the measured size',
    async (options, optimizer, batchSize, microBatches, { ema = 0, hasTeacher = false } = {}) => {
      const training = { optimizer, batchSize, microBatches, ema, mixup: 0 };
      const measured = await measure({ options, training, hasTeacher });
      const plan = planOf({ ...options, classes: 3 }, training);
      const twin = mobinet.resolve({ ...plan.options, precision: 'float' });
      const makeTeacher = hasTeacher ? () => mobinet.make(twin) : undefined;
      const estimated = stepMemory({ ...plan, microBatches, makeTeacher }).peak;
      if (hasTeacher) expect(estimated).toBeGreaterThan(stepMemory({ ...plan, microBatches }).peak);
      expect(estimated).toBeGreaterThan(measured);
      expect(estimated).toBeLessThan(1.5 * measured);
    },
  );
});

describe('fitMicroBatches', () => {
  const training = { ...paperTraining, batchSize: 100 };

  test('finds the smallest number', () => {
    for (const pieces of [1, 2, 8, 64]) {
      const exactly = stepMemory({ ...planOf({}, training), microBatches: pieces }).peak;
      expect(fitMicroBatches(planOf({}, training), { available: exactly })).toEqual({
        microBatches: pieces,
        needed: exactly,
        available: exactly,
      });
      expect(fitMicroBatches(planOf({}, training), { available: exactly - 1 }).microBatches).toBe(2 * pieces);
    }
    expect(fitMicroBatches(planOf({}, training), { available: 1e12 }).microBatches).toBe(1);
    expect(fitMicroBatches(planOf({}, training), { available: 1e12, moreThan: 4 }).microBatches).toBe(8);
  });

  test('fits the preset for ImageNet into 4 GiB, and into 1 GiB', () => {
    expect(fitMicroBatches(planOf({}, paperTraining), { available: 4 * 2 ** 30 }).microBatches).toBe(8);
    expect(fitMicroBatches(planOf({}, paperTraining), { available: 2 ** 30 }).microBatches).toBe(64);
  });

  test('throws if not even single images fit', () => {
    expect(() => fitMicroBatches(planOf({}, training), { available: 1e8 })).toThrow(
      /^a training step needs \d+ MB even with one image at a time, but only 100 MB is available\. Use a smaller --size/,
    );
  });

  test('considers only the largest tensor on a GPU', () => {
    const largest = (options: Partial<MoBiNetOptions>): number =>
      withBackend('webgpu', () => stepMemory({ ...planOf(options, training), microBatches: 128 }).largest);
    // 128 channels of 112×112 pixels.
    expect(largest({})).toBe(4 * 128 * 112 ** 2);
    expect(largest({ width: 0.0625, k: 1, stemStride: 1 })).toBe(4 * 8 * 224 ** 2);
    expect(largest({ width: 0.03125, k: 0, stemStride: 2, imageSize: 64, classes: 3 })).toBe(4 * 3 * 64 ** 2);
  });
});
