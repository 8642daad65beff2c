import { Conv2d, GlobalAveragePool2d, Linear, Module, Pool2d, ReLU, Sequential } from '@mobinet/autograd';
import type { Rng, Tensor } from '@mobinet/tensor';

/** [batch, height, width, channels] to [batch, pixels]. */
class Flatten extends Module {
  override forward(x: Tensor): Tensor {
    return x.reshape([x.shape[0], x.size / x.shape[0]]);
  }
}

/** 400 pixels, and for each of the ten digits a weight per pixel. */
export function makeLinear(rng: Rng): Module {
  return new Sequential(new Flatten(), new Linear(400, 10, { rng }));
}

/** The image shrinks from 20 × 20 pixels to 10 × 10 and 5 × 5, while its channels grow from 1 to 8, 16 and 32. */
export function makeCnn(rng: Rng): Module {
  return new Sequential(
    new Conv2d(1, 8, { stride: 2, rng }),
    new ReLU(),
    new Conv2d(8, 16, { rng }),
    new ReLU(),
    new Pool2d('max'),
    new Conv2d(16, 32, { rng }),
    new ReLU(),
    new GlobalAveragePool2d(),
    new Linear(32, 10, { rng }),
  );
}
