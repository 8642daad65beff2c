import { fc } from '@fast-check/vitest';
import { Adam, crossEntropy, flatten, type Module, valueAndGradient } from '@mobinet/autograd';
import { dispose, type Rng, type Shape, type Tensor, tensor } from '@mobinet/tensor';
import { mobinetOptions } from '../networks/mobinet/options.js';

/** MoBiNets of every kind, for a width of 0.25: its stem has 8 channels, one group for K = 3. */
export const architectures = fc.record({
  block: fc.constantFrom(...mobinetOptions.block.choices),
  k: fc.nat(3),
  activation: fc.constantFrom(...mobinetOptions.activation.choices),
  shift: fc.constantFrom(...mobinetOptions.shift.choices),
  skip: fc.constantFrom(...mobinetOptions.skip.choices),
  pool: fc.constantFrom(...mobinetOptions.pool.choices),
  padding: fc.constantFrom(...mobinetOptions.padding.choices),
  estimator: fc.constantFrom(...mobinetOptions.estimator.choices),
  stemStride: fc.constantFrom(...mobinetOptions.stemStride.choices),
  seed: fc.nat(1000),
});

const lossAndGradient = valueAndGradient((model: Module, images: Tensor, labels: Tensor<'i32'>) =>
  crossEntropy(model.forward(images), labels),
);

/** Trains for a few steps, so that weights and running statistics differ from their initial values. */
export function trainALittle(model: Module & { readonly imageShape?: Shape }, rng: Rng, steps = 2): void {
  const { imageShape = [16, 16, 3] } = model;
  const optimizer = new Adam({ learningRate: 1e-2 });
  for (let step = 0; step < steps; step++) {
    const images = rng.split('images', step).normal([3, ...imageShape]);
    const labels = tensor(Int32Array.of(0, 1, 2), { dtype: 'i32' });
    const { value, gradients } = lossAndGradient(model, images, labels);
    // Some of these networks cannot be trained. Zeroing gradients that overflowed keeps their weights finite.
    for (const [, { values }] of flatten(gradients)) {
      values.forEach((value, i) => {
        if (!Number.isFinite(value)) values[i] = 0;
      });
    }
    optimizer.update(model, gradients);
    dispose([images, labels, value, gradients]);
  }
  optimizer.dispose();
}
