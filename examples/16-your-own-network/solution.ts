/** Solutions of the exercises of chapter 16. */
import { BatchNorm2d, Conv2d, GlobalAveragePool2d, Linear, Module, PReLU, Sequential } from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { add, Rng, type Shape, type Tensor, tidy, wholeNumbers, withoutMemory } from '@mobinet/tensor';
import { defineNetwork, type Network, summary } from 'mobinet';

export function smallNetwork(rng: Rng): Module {
  return new Sequential(
    new Conv2d(3, 8, { bias: false, rng }),
    new BatchNorm2d(8),
    new BinaryConv2d(8, 16, { stride: 2, rng }),
    new BatchNorm2d(16),
    new PReLU(16),
    new GlobalAveragePool2d(),
    new Linear(16, 4, { rng }),
  );
}

export function widestWithin(
  limit: number,
  make: (width: number) => Module,
  { imageShape, largest }: { imageShape: Shape; largest: number },
): number {
  const fits = (width: number): boolean =>
    withoutMemory(() => summary(make(width), { imageShape }).savedBytes!) <= limit;
  let [widest, tooWide] = [0, largest + 1];
  while (widest + 1 < tooWide) {
    const middle = Math.floor((widest + tooWide) / 2);
    if (fits(middle)) widest = middle;
    else tooWide = middle;
  }
  return widest;
}

/** A binary convolution and a batch norm, with a skip connection around them. */
class Block extends Module {
  readonly conv: BinaryConv2d;
  readonly norm: BatchNorm2d;

  constructor(channels: number, rng: Rng) {
    super();
    this.conv = new BinaryConv2d(channels, channels, { rng });
    this.norm = new BatchNorm2d(channels);
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => add(this.norm.forward(this.conv.forward(x)), x));
  }
}

export function exerciseNetwork(): Network {
  return defineNetwork({
    name: 'exercise-16',
    options: {
      width: { help: 'channels', default: 8, range: wholeNumbers(1, 64) },
      blocks: { help: 'binary convolutions', default: 2, range: wholeNumbers(1, 8) },
    },
    make({ width, blocks, classes, seed }) {
      const rng = Rng.fromSeed(seed);
      return new Sequential(
        new Conv2d(3, width, { bias: false, rng }),
        new BatchNorm2d(width),
        ...Array.from({ length: blocks }, () => new Block(width, rng)),
        new PReLU(width),
        new GlobalAveragePool2d(),
        new Linear(width, classes, { rng }),
      );
    },
  }) as unknown as Network;
}
