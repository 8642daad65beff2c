import { expect, test } from 'vitest';
import { toBackend } from '../../move.js';
import { Rng } from '../../random.js';
import { emptyTensor } from '../../tensor.js';
import { conv2dAttributes } from './conv2d-attributes.js';
import { type GpuEpilogue, inputGradientOnGpu } from './conv2d-input-gradient.wgsl.js';

/** Multiplies gradients by a factor. All of these epilogues have the same name. */
const times = (factor: number): GpuEpilogue => ({
  name: 'times',
  reads: {},
  parameters: {},
  declarations: `fn finish(value: f32, pixel: u32, channel: u32) -> f32 { return ${factor.toFixed(1)} * value; }`,
});

test.each([1, 2])('epilogues of the same name do not share shaders (%i groups)', async (groups) => {
  const rng = Rng.fromSeed(1);
  const [x, filter] = [
    [1, 5, 7, 4],
    [6, 3, 3, 4 / groups],
  ];
  const attributes = conv2dAttributes('test', x, filter, { groups, padding: 'same' });
  const [dy, weights] = [[1, 5, 7, 6], filter].map((shape) => toBackend(rng.normal(shape), 'webgpu'));
  const gradientThrough = async (factor: number): Promise<number[]> => {
    const dx = emptyTensor('f32', x, 'dx', 'webgpu');
    const epilogue = { epilogue: times(factor), reads: {}, parameters: {} };
    inputGradientOnGpu({ dy, filter: weights, scale: null, dx }, attributes, epilogue);
    return [...(await dx.data())];
  };
  const plain = await gradientThrough(1);
  expect(plain.some((value) => value !== 0)).toBe(true);
  for (const factor of [2, -0.5]) {
    expect(await gradientThrough(factor)).toEqual(plain.map((value) => factor * value));
  }
});
