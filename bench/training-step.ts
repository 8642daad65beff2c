import { Adam, crossEntropy, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, type Tensor, tensor } from '@mobinet/tensor';
import { createMoBiNet, type MoBiNet } from 'mobinet';

export interface StepOptions {
  readonly size: number;
  readonly batch: number;
  readonly classes: number;
}

/** A function that trains one step on a batch of noise (forward, backward and Adam) and returns the loss. */
export function makeTrainingStep({ size, batch, classes }: StepOptions): () => Promise<number> {
  const model = createMoBiNet({ block: 'mid', k: 3, imageSize: size, classes });
  const optimizer = new Adam({ learningRate: 1e-3 });
  const lossAndGradient = valueAndGradient((model: MoBiNet, images: Tensor, labels: Tensor<'i32'>) =>
    crossEntropy(model.forward(images), labels),
  );
  const images = Rng.fromSeed(1).normal([batch, size, size, 3]);
  const labels = tensor(
    Array.from({ length: batch }, (_, index) => index % classes),
    { dtype: 'i32' },
  );
  return async () => {
    const { value, gradients } = lossAndGradient(model, images, labels);
    const loss = await value.item();
    optimizer.update(model, gradients);
    dispose([value, gradients]);
    return loss;
  };
}
