import { fc } from '@fast-check/vitest';
import { BatchNorm2d, Conv2d, Linear, Module, Parameter, Pool2d, PReLU, ReLU, Sequential } from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { add, avgPool2d, concat, maxPool2d, mean, Rng, reshape, type Tensor, tidy } from '@mobinet/tensor';

/** One block of a random network. */
interface Block {
  readonly conv: 'binary' | 'float';
  readonly kernel: 1 | 3;
  readonly stride: 1 | 2;
  readonly groups: 1 | 4;
  readonly dilation: 1 | 2;
  readonly paddingValue: 'zero' | 'one';
  /** Whether a learned threshold shifts the input of the convolution, as in ReActNet (Liu et al., 2020). */
  readonly shift: boolean;
  readonly order: 'norm first' | 'activation first';
  readonly activation: 'prelu' | 'rprelu' | 'relu' | 'none';
  /** How the block's input (pooled if the convolution strides) joins its output. */
  readonly join: 'add' | 'add before the activation' | 'concat' | 'none';
  readonly pool: 'max' | 'average' | 'none';
}

export const blocks = fc.array(
  fc.record<Block>({
    conv: fc.constantFrom('binary', 'binary', 'float'),
    kernel: fc.constantFrom(1, 3),
    stride: fc.constantFrom(1, 1, 2),
    groups: fc.constantFrom(1, 4),
    dilation: fc.constantFrom(1, 1, 2),
    paddingValue: fc.constantFrom('zero', 'one'),
    shift: fc.boolean(),
    order: fc.constantFrom('norm first', 'activation first'),
    activation: fc.constantFrom('prelu', 'rprelu', 'relu', 'none'),
    join: fc.constantFrom('add', 'add before the activation', 'concat', 'none'),
    pool: fc.constantFrom('none', 'none', 'max', 'average'),
  }),
  { minLength: 1, maxLength: 4 },
);

const channels = 8;

/** Adds a learned number to each channel. */
class Shift extends Module {
  readonly offset: Parameter;

  constructor(rng: Rng) {
    super();
    this.offset = new Parameter(rng.normal([channels]));
  }

  override forward(x: Tensor): Tensor {
    return add(x, this.offset);
  }
}

const activations: Record<Block['activation'], (rng: Rng) => Module> = {
  prelu: () => new PReLU(channels),
  rprelu: (rng) => new Sequential(new Shift(rng.split('before')), new PReLU(channels), new Shift(rng.split('after'))),
  relu: () => new ReLU(),
  none: () => new Sequential(),
};

class AnyBlock extends Module {
  readonly shift: Module;
  readonly conv: BinaryConv2d | Conv2d;
  readonly norm: BatchNorm2d;
  readonly activation: Module;
  readonly shrink: Pool2d | null;
  readonly reduce: Conv2d | null;
  readonly #block: Block;

  constructor(block: Block, rng: Rng) {
    super();
    const { kernel, stride, groups, dilation, paddingValue } = block;
    const shape = { kernel, stride, groups, dilation, rng };
    this.shift = block.shift ? new Shift(rng.split('move')) : new Sequential();
    this.conv =
      block.conv === 'binary'
        ? new BinaryConv2d(channels, channels, { ...shape, paddingValue })
        : new Conv2d(channels, channels, { ...shape, padding: (dilation * (kernel - 1)) / 2 });
    this.norm = new BatchNorm2d(channels);
    this.activation = activations[block.activation](rng);
    this.shrink = stride === 2 && block.join !== 'none' ? new Pool2d('average', 2) : null;
    this.reduce = block.join === 'concat' ? new Conv2d(2 * channels, channels, { kernel: 1, rng }) : null;
    this.#block = block;
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const { order, join, pool } = this.#block;
      const shortcut = this.shrink ? this.shrink.forward(x) : x;
      let y = this.conv.forward(this.shift.forward(x));
      if (order === 'norm first') y = this.norm.forward(y);
      if (join === 'add before the activation') y = add(y, shortcut);
      y = this.activation.forward(y);
      if (order === 'activation first') y = this.norm.forward(y);
      if (join === 'add') y = add(y, shortcut);
      if (this.reduce) y = this.reduce.forward(concat([y, shortcut], -1));
      if (pool === 'max') return maxPool2d(y, { window: 3, stride: 1, padding: 1 });
      return pool === 'average' ? avgPool2d(y, { window: [1, 3], stride: 1, padding: [0, 1] }) : y;
    });
  }
}

/** A stem, any blocks, and the sum of two heads: one reads the mean over all pixels, the other all pixels. */
export class AnyNetwork extends Module {
  readonly stem: Conv2d;
  readonly blocks: readonly AnyBlock[];
  readonly meanHead: Linear;
  readonly pixelHead: Linear;

  constructor(blocks: readonly Block[], size: number, seed: number) {
    super();
    const rng = Rng.fromSeed(seed);
    this.stem = new Conv2d(3, channels, { kernel: 3, padding: 1, rng });
    this.blocks = blocks.map((block, at) => new AnyBlock(block, rng.split('block', at)));
    const side = blocks.reduce((side, { stride }) => side / stride, size);
    this.meanHead = new Linear(channels, 5, { rng });
    this.pixelHead = new Linear(side * side * channels, 5, { rng });
    this.label();
  }

  override forward(images: Tensor): Tensor {
    return tidy(() => {
      const x = this.blocks.reduce((x, block) => block.forward(x), this.stem.forward(images));
      return add(
        this.meanHead.forward(mean(x, { axes: [1, 2] })),
        this.pixelHead.forward(reshape(x, [images.shape[0], -1])),
      );
    });
  }
}
