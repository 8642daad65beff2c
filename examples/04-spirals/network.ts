import { Linear, ReLU, Sequential } from '@mobinet/autograd';
import { dispose, type Rng, type Tensor, tensor } from '@mobinet/tensor';

/** Points on two spirals that wind around each other. `x` is [2·count, 2], and `labels` are 0 and 1. */
export function makeSpirals(rng: Rng, count: number): { x: Tensor; labels: Tensor<'i32'> } {
  const places = rng.uniform([2 * count]);
  const noise = rng.normal([2 * count, 2], 0, 0.03);
  const points = Array.from({ length: 2 * count }, (_, i) => {
    const along = places.values[i];
    const radius = 0.1 + 0.9 * along;
    // One and a half turns. The second spiral is the first one, turned by half a turn.
    const angle = 3 * Math.PI * along + (i % 2) * Math.PI;
    return [radius * Math.cos(angle) + noise.values[2 * i], radius * Math.sin(angle) + noise.values[2 * i + 1]];
  });
  dispose([places, noise]);
  return {
    x: tensor(points),
    labels: tensor(
      points.map((_, i) => i % 2),
      { dtype: 'i32' },
    ),
  };
}

/** A multilayer perceptron (MLP): two hidden layers between the coordinates of a point and the logits of two classes. */
export function makeNetwork(rng: Rng, hidden: number): Sequential {
  return new Sequential(
    new Linear(2, hidden, { rng }),
    new ReLU(),
    new Linear(hidden, hidden, { rng }),
    new ReLU(),
    new Linear(hidden, 2, { rng }),
  );
}
