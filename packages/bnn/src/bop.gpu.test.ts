import { Parameter } from '@mobinet/autograd';
import { Rng, tensor, toBackend, toHost } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { expect, test } from 'vitest';
import { Bop } from './bop.js';

test('Bop flips the same weights on a GPU as its definition', async () => {
  const sizes = [1, 63, 64, 1000];
  // Multiples of 1/8 and their means are exact in f32, and none equals 0.1, so rounding never decides about a flip.
  const draw = (rng: Rng) =>
    sizes.map((size, index) =>
      tensor(
        rng
          .split(index)
          .uniform([size], -8, 8)
          .values.map((x) => Math.round(x) / 8),
      ),
    );
  const rng = Rng.fromSeed(1);
  const gradients = [0, 1, 2, 3].map((step) => draw(rng.split(step)));
  const [onGpu, onCpu] = (['webgpu', 'cpu'] as const).map((backend) => {
    const bop = new Bop({ threshold: 0.1, adaptivity: 0.25 });
    const tree = draw(rng.split('start')).map(({ values }) => {
      const signs = tensor(values.map((w) => (w < 0 ? -1 : 1)));
      return new Parameter(toBackend(signs, backend), { binary: true });
    });
    for (const step of gradients) {
      const moved = step.map((gradient) => toBackend(gradient, backend));
      withKernels('reference', () => bop.update(tree, moved));
    }
    return [...tree, ...bop.state.tensors.values()];
  });
  const found = await Promise.all(onGpu.map(async (x) => [...(await toHost(x)).values]));
  expect(found).toEqual(onCpu.map(({ values }) => [...values]));
  // Some have flipped, and some have not.
  const flipped = onCpu[3].values.filter((w, at) => w < 0 !== draw(rng.split('start'))[3].values[at] < 0);
  expect(flipped.length).toBeGreaterThan(0);
  expect(flipped.length).toBeLessThan(1000);
});
