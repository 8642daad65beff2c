import { fc, test } from '@fast-check/vitest';
import { dispose, mean, memory, Rng, square, type Tensor, tidy } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { valueAndGradient } from '../differentiate.js';
import { Module } from '../module.js';
import { BatchNorm2d } from './batch-norm.js';
import { applyObservations, collectObservations, type Observation } from './observations.js';

/** Two layers, the first of which is called twice. */
class Network extends Module {
  readonly shared = new BatchNorm2d(3);
  readonly last = new BatchNorm2d(3);

  override forward(x: Tensor): Tensor {
    return this.last.forward(this.shared.forward(square(this.shared.forward(x))));
  }
}

const lossAndGradient = valueAndGradient((network: Network, x: Tensor) => mean(square(network.forward(x))));

const batch = (seed: number, size: number): Tensor => Rng.fromSeed(seed).normal([size, 2, 2, 3]);

const bits = (network: Network) => Array.from(network.state(), ([name, { values }]) => [name, ...values]);

describe('collectObservations', () => {
  test.prop([fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 })])(
    'leaves running statistics alone, and applied in order gives them the bits of training batch by batch',
    (sizes) => {
      const [direct, collecting] = [new Network(), new Network()];
      const fresh = bits(collecting);
      const observations: Observation[] = [];
      for (const [seed, size] of sizes.entries()) {
        const x = batch(seed, size);
        dispose(lossAndGradient(direct, x));
        const found = collectObservations(() => lossAndGradient(collecting, x));
        expect(found.observations.map(({ count }) => count)).toEqual([4 * size, 4 * size, 4 * size]);
        observations.push(...found.observations);
        dispose([x, found.value]);
      }
      expect(bits(collecting)).toEqual(fresh);
      applyObservations(observations);
      expect(bits(collecting)).toEqual(bits(direct));
      direct.dispose();
      collecting.dispose();
    },
  );

  test('frees what it has collected if its body throws, and collects no longer', () => {
    const network = new Network();
    const x = batch(0, 2);
    const before = memory();
    const failure = () =>
      tidy(() => {
        network.forward(x);
        throw new Error('stop');
      });
    expect(() => collectObservations(failure)).toThrow('stop');
    expect(memory()).toEqual(before);
    dispose(network.forward(x));
    expect(network.shared.runningMean.values.some((value) => value !== 0)).toBe(true);
    network.dispose();
    x.dispose();
  });
});
