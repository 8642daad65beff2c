import { flatten, valueAndGradient } from '@mobinet/autograd';
import { assign, type BackendName, dispose, mul, Rng, sum, type Tensor, toBackend, withBackend } from '@mobinet/tensor';
import { expect, test } from 'vitest';
import { createMoBiNet } from './mobinet.js';
import type { Segment } from './segment.js';

const small = { width: 0.25, block: 'none', imageSize: 32, classes: 3 } as const;

/** The loss of the second segment of a network, and its gradients, on a backend. */
async function gradientsOn(backend: BackendName, activation: 'prelu' | 'rprelu'): Promise<Map<string, Float32Array>> {
  const rng = Rng.fromSeed(2);
  const tensors = withBackend(backend, () => {
    const model = createMoBiNet({ ...small, shift: 'learned', activation });
    const segment = model.units[0].pointwise;
    const randomOf = (name: string, shape: readonly number[]): Tensor =>
      toBackend(withBackend('cpu', () => rng.split(name).normal(shape, 0.2, 0.7)));
    // Large weights give counts on both sides of the corners of activations.
    for (const [name, parameter] of segment.parameters()) assign(parameter, randomOf(name, parameter.shape));
    const [x, dy] = [randomOf('x', [2, 6, 5, 8]), randomOf('dy', [2, 6, 5, 16])];
    const lossOf = (segment: Segment, x: Tensor): Tensor => sum(mul(segment.forward(x), dy));
    return { model, x, dy, ...valueAndGradient(lossOf)(segment, x) };
  });
  const { value, gradients } = tensors;
  const all = [['loss', value] as const, ...flatten(gradients)];
  const found = new Map(await Promise.all(all.map(async ([name, x]) => [name, await x.data()] as const)));
  const { model, ...rest } = tensors;
  dispose(rest);
  dispose([model.parameters(), model.state()]);
  return found;
}

test.each(['prelu', 'rprelu'] as const)(
  'a segment with learned shifts and %s has the gradients of the CPU on a GPU',
  async (activation) => {
    const [expected, found] = [await gradientsOn('cpu', activation), await gradientsOn('webgpu', activation)];
    expect([...found.keys()]).toEqual([...expected.keys()]);
    for (const [name, values] of expected) {
      const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0.1);
      const errors = found.get(name)!.map((value, at) => Math.abs(value - values[at]));
      expect(Math.max(...errors) / scale, name).toBeLessThan(1e-4);
    }
  },
);
