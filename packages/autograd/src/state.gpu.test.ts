import { BackendError, Rng, toHost, withBackend } from '@mobinet/tensor';
import { expect, test } from 'vitest';
import { Linear } from './layers/linear.js';
import { loadState, saveState } from './state.js';

test('a state is loaded into a module on a GPU, and saved only from the CPU', async () => {
  const saved = new Linear(2, 3, { rng: Rng.fromSeed(1) });
  const onGpu = withBackend('webgpu', () => new Linear(2, 3, { rng: Rng.fromSeed(2) }));
  loadState(onGpu, saveState(saved));
  expect((await toHost(onGpu.weight)).values).toEqual(saved.weight.values);
  expect(() => saveState(onGpu)).toThrow(BackendError);
});
