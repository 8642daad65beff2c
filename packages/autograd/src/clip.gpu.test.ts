import { Rng, tensor, toBackend, toHost } from '@mobinet/tensor';
import { expect, test } from 'vitest';
import { clipByGlobalNorm, globalNorm } from './clip.js';

const draw = () => ({ w: Rng.fromSeed(1).normal([70, 3]), layers: [{ b: Rng.fromSeed(2).normal([5]) }] });

function onGpu({ w, layers: [{ b }] }: ReturnType<typeof draw>) {
  return { w: toBackend(w, 'webgpu'), layers: [{ b: toBackend(b, 'webgpu') }] };
}

test('globalNorm of gradients on a GPU is a scalar there', async () => {
  const norm = globalNorm(onGpu(draw()));
  expect(norm.backend).toBe('webgpu');
  expect(norm.shape).toEqual([]);
  const expected = globalNorm(draw()).values[0];
  expect(Math.abs((await norm.item()) - expected) / expected).toBeLessThan(1e-5);
});

test.each([1, 1000])('clipByGlobalNorm limits the norm on a GPU to %d as on the CPU', async (maxNorm) => {
  const expected = clipByGlobalNorm(draw(), maxNorm);
  const { w, layers } = clipByGlobalNorm(onGpu(draw()), maxNorm);
  for (const [found, exact] of [
    [w, expected.w],
    [layers[0].b, expected.layers[0].b],
  ]) {
    expect(found.backend).toBe('webgpu');
    const { values } = await toHost(found);
    const errors = exact.values.map((value, at) => Math.abs(values[at] - value));
    expect(Math.max(...errors)).toBeLessThan(1e-5);
  }
});

test('gradients of 3e30 do not overflow on a GPU, and zeros stay zeros', async () => {
  const clipped = clipByGlobalNorm([toBackend(tensor([3e30, -4e30]), 'webgpu')], 5);
  const [a, b] = (await toHost(clipped[0])).values;
  expect(a).toBeCloseTo(3, 4);
  expect(b).toBeCloseTo(-4, 4);
  const zeros = clipByGlobalNorm([toBackend(tensor([0, 0]), 'webgpu')], 5);
  expect([...(await toHost(zeros[0])).values]).toEqual([0, 0]);
});
