import { fc } from '@fast-check/vitest';
import { Adam, crossEntropy, flatten, valueAndGradient } from '@mobinet/autograd';
import { dispose, type Rng, type Tensor, tensor } from '@mobinet/tensor';
import type { MoBiNet } from '../model/mobinet.js';
import { choices } from '../model/options.js';

/** Networks of every kind: the tests take them at width 0.25, which K = 3 asks for. */
export const architectures = fc.record({
  block: fc.constantFrom(...choices.block),
  k: fc.nat(3),
  activation: fc.constantFrom(...choices.activation),
  skip: fc.constantFrom(...choices.skip),
  pool: fc.constantFrom(...choices.pool),
  padding: fc.constantFrom(...choices.padding),
  estimator: fc.constantFrom(...choices.estimator),
  stemStride: fc.constantFrom(...choices.stemStride),
  seed: fc.nat(1000),
});

const lossAndGradient = valueAndGradient((model: MoBiNet, images: Tensor, labels: Tensor<'i32'>) =>
  crossEntropy(model.forward(images), labels),
);

/** A few steps, so that neither weights nor running statistics are what they were at first. */
export function trainALittle(model: MoBiNet, rng: Rng, steps = 2): void {
  const { imageSize } = model.options;
  const optimizer = new Adam({ learningRate: 1e-2 });
  for (let step = 0; step < steps; step++) {
    const images = rng.split('images', step).normal([3, imageSize, imageSize, 3]);
    const labels = tensor(Int32Array.of(0, 1, 2), { dtype: 'i32' });
    const { value, gradients } = lossAndGradient(model, images, labels);
    // Some of these networks cannot be trained: what overflows in them moves nothing.
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
