import { BatchNorm2d, Conv2d, GlobalAveragePool2d, Linear, Module, Pool2d, Sequential } from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { add, maxPool2d, type Rng, type Tensor, tidy } from '@mobinet/tensor';

/** A binary 3×3 convolution and BatchNorm, with a float shortcut around them. */
class Block extends Module {
  readonly conv: BinaryConv2d;
  readonly norm: BatchNorm2d;
  readonly shortcut: Sequential | null;

  constructor(inChannels: number, outChannels: number, rng: Rng) {
    super();
    const shrinks = inChannels !== outChannels;
    this.conv = new BinaryConv2d(inChannels, outChannels, { stride: shrinks ? 2 : 1, paddingValue: 'zero', rng });
    this.norm = new BatchNorm2d(outChannels);
    this.shortcut = shrinks
      ? new Sequential(
          new Pool2d('average', 2),
          new Conv2d(inChannels, outChannels, { kernel: 1, bias: false, rng }),
          new BatchNorm2d(outChannels),
        )
      : null;
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const shortcut = this.shortcut ? this.shortcut.forward(x) : x;
      return add(this.norm.forward(this.conv.forward(x)), shortcut);
    });
  }
}

/** The pool after the first layer, whose windows overlap. */
class OverlappingPool extends Module {
  override forward(x: Tensor): Tensor {
    return maxPool2d(x, { window: 3, stride: 2, padding: 'same' });
  }
}

/**
 * Bi-Real Net 18 (Liu et al., 2018) for images of 224×224 pixels, as larq-zoo builds it (`literature.BiRealNet`, except
 * for its last step, softmax).
 */
export function biRealNet(classes: number, rng: Rng): Sequential {
  const stages = [64, 128, 256, 512].flatMap((channels) => Array.from({ length: 4 }, () => channels));
  return new Sequential(
    new Conv2d(3, 64, { kernel: 7, stride: 2, bias: false, rng }),
    new BatchNorm2d(64),
    new OverlappingPool(),
    ...stages.map((channels, index) => new Block(stages[index - 1] ?? 64, channels, rng)),
    new GlobalAveragePool2d(),
    new Linear(512, classes, { rng }),
  );
}
