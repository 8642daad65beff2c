import { Conv2d, GlobalAveragePool2d, Linear, type Module, Pool2d, ReLU, Sequential } from '@mobinet/autograd';
import type { Rng } from '@mobinet/tensor';
import type { Layer } from './exercise.js';

export type { Layer };

export function countParameters({ channels, outChannels, taps, groups }: Layer): number {
  return outChannels * taps * taps * (channels / groups) + outChannels;
}

export function receptiveField(layers: readonly Layer[]): number {
  let field = 1;
  // How many pixels apart two neighboring elements are.
  let distance = 1;
  for (const { taps, stride } of layers) {
    field += (taps - 1) * distance;
    distance *= stride;
  }
  return field;
}

/** In place of each convolution but the first, a depth-wise and a point-wise one. */
export function makeSmaller(rng: Rng): Module {
  return new Sequential(
    new Conv2d(1, 8, { stride: 2, rng }),
    new ReLU(),
    new Conv2d(8, 8, { groups: 8, rng }),
    new Conv2d(8, 16, { kernel: 1, rng }),
    new ReLU(),
    new Pool2d('max'),
    new Conv2d(16, 16, { groups: 16, rng }),
    new Conv2d(16, 32, { kernel: 1, rng }),
    new ReLU(),
    new GlobalAveragePool2d(),
    new Linear(32, 10, { rng }),
  );
}
