/**
 * A small residual network of binary convolutions, after Bi-Real Net (Liu et al., 2018), registered as a network that
 * the command line can train, evaluate and pack like the built-in one.
 *
 *     npx mobinet train --network examples/networks/residual.js --data photos --width 16
 */
import { BatchNorm2d, Conv2d, GlobalAveragePool2d, Linear, Module, Pool2d, PReLU, Sequential } from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { add, Rng, type Tensor, tidy, wholeNumbers } from '@mobinet/tensor';
import { defineNetwork, registerNetwork } from 'mobinet';

/** A binary convolution with a float shortcut around it, which preserves what the signs lose. */
class Block extends Module {
  readonly conv: BinaryConv2d;
  readonly norm: BatchNorm2d;
  readonly shortcut: Sequential | null;
  readonly activation: PReLU;

  constructor(inChannels: number, outChannels: number, rng: Rng) {
    super();
    const shrinks = inChannels !== outChannels;
    this.conv = new BinaryConv2d(inChannels, outChannels, { stride: shrinks ? 2 : 1, rng });
    this.norm = new BatchNorm2d(outChannels);
    this.shortcut = shrinks
      ? new Sequential(
          new Pool2d('average', 2),
          new Conv2d(inChannels, outChannels, { kernel: 1, bias: false, rng }),
          new BatchNorm2d(outChannels),
        )
      : null;
    this.activation = new PReLU(outChannels);
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const shortcut = this.shortcut ? this.shortcut.forward(x) : x;
      return this.activation.forward(add(this.norm.forward(this.conv.forward(x)), shortcut));
    });
  }
}

export default registerNetwork(
  defineNetwork({
    name: 'residual',
    options: { width: { help: 'channels of the first layer', default: 16, range: wholeNumbers(1, 512) } },
    presets: { small: { imageSize: 28 } },
    make({ width, classes, seed }) {
      const rng = Rng.fromSeed(seed);
      const channels = [1, 1, 1, 2, 2, 4, 4].map((multiple) => multiple * width);
      return new Sequential(
        new Conv2d(3, width, { bias: false, rng }),
        new BatchNorm2d(width),
        ...channels.slice(1).map((outChannels, i) => new Block(channels[i], outChannels, rng)),
        new GlobalAveragePool2d(),
        new Linear(4 * width, classes, { rng }),
      );
    },
  }),
);
