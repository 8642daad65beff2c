import { fc, test } from '@fast-check/vitest';
import { Adam, Linear, SGD, unflatten } from '@mobinet/autograd';
import { dispose, memory, Rng, type Tensor } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { MomentumSigns } from './momentum-signs.js';
import { Team } from './team.js';

const optimizers = {
  Adam: { make: () => new Adam({ learningRate: 0.1 }), slot: 'mean', factor: 9 },
  SGD: { make: () => new SGD({ learningRate: 0.1, momentum: 0.5 }), slot: 'velocity', factor: 0.5 },
} as const;

/** A layer, and an optimizer that has made a step with random gradients. */
function begun(kind: keyof typeof optimizers) {
  const model = new Linear(5, 7, { rng: Rng.fromSeed(0) });
  const optimizer = optimizers[kind].make();
  const gradients = gradientsOf(model, 1);
  optimizer.update(model, unflatten(model, gradients));
  dispose(gradients);
  return { model, optimizer };
}

const gradientsOf = (model: Linear, seed: number): Map<string, Tensor> =>
  new Map(
    Array.from(model.parameters(), ([name, { shape }]) => [
      name,
      Rng.fromSeed(seed)
        .split(name)
        .normal([...shape]),
    ]),
  );

describe('MomentumSigns', () => {
  test.prop([fc.constantFrom('Adam', 'SGD'), fc.constantFrom('fast', 'reference'), fc.boolean()])(
    'sends gradients with the momentum that the optimizer would add',
    async (kind, tier, hasImages) => {
      const { model, optimizer } = begun(kind);
      const { slot, factor } = optimizers[kind];
      const signs = new MomentumSigns({ model, optimizer }, new Team());
      const gradients = gradientsOf(model, 2);
      for (const segment of signs.layout.segments) {
        const { name, offset, size } = segment;
        const gradient = hasImages ? gradients.get(name)! : null;
        await withKernels(tier, () => signs.put(segment, gradient));
        const momentum = optimizer.state.tensors.get(`${slot}.${name}`)!.values;
        const values = gradient?.values ?? new Float32Array(size);
        signs.vector.values.subarray(offset, offset + size).forEach((value, i) => {
          expect(value).toBeCloseTo(values[i] + factor * momentum[i], 5);
        });
      }
      expect(optimizer.hasMomentumInGradients).toBe(true);
      signs.dispose();
      expect(optimizer.hasMomentumInGradients).toBe(false);
      dispose([gradients, model.parameters()]);
      optimizer.dispose();
    },
  );

  test('raises the means of squares that Adam would divide by nearly 0, and frees its memory', () => {
    const { model, optimizer } = begun('Adam');
    const squares = optimizer.state.tensors.get('square.weight')!;
    squares.values.fill(1);
    squares.values[3] = 0;
    const before = memory().tensors;
    new MomentumSigns({ model, optimizer }, new Team()).dispose();
    expect(memory().tensors).toBe(before);
    const mean = (squares.size - 1) / squares.size;
    expect(squares.values[3]).toBeCloseTo(0.01 * mean, 6);
    expect(squares.values[4]).toBe(1);
    dispose(model.parameters());
    optimizer.dispose();
  });
});
