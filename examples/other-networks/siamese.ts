/**
 * A siamese network (Bromley et al., 1993): two images go through the same layers, and the distance of the results says
 * whether they show the same kind of clothes.
 *
 *     node examples/other-networks/siamese.js
 */
import {
  BatchNorm2d,
  binaryCrossEntropyWithLogits,
  Conv2d,
  Flatten,
  Linear,
  Module,
  noGradient,
  Parameter,
  Pool2d,
  ReLU,
  Sequential,
} from '@mobinet/autograd';
import {
  cast,
  equal,
  gather,
  greater,
  mean,
  mul,
  Rng,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  tidy,
} from '@mobinet/tensor';
import { type Clothes, loadClothes } from './clothes.js';
import { finalLoss, minimize } from './minimize.js';

/** Two images [batch, 28, 28, 1] to a logit [batch]: positive if they are of the same class. */
export class Siamese extends Module<[first: Tensor, second: Tensor]> {
  readonly tower: Sequential;
  /** The logit is threshold − factor · distance². */
  readonly factor = new Parameter(tensor([1]));
  readonly threshold = new Parameter(tensor([1]));

  constructor(rng: Rng) {
    super();
    const block = (inChannels: number, outChannels: number): Module[] => [
      new Conv2d(inChannels, outChannels, { bias: false, rng }),
      new BatchNorm2d(outChannels),
      new ReLU(),
      new Pool2d('max', 2),
    ];
    this.tower = new Sequential(...block(1, 8), ...block(8, 16), new Flatten(), new Linear(7 * 7 * 16, 16, { rng }));
  }

  override forward(first: Tensor, second: Tensor): Tensor {
    return tidy(() => {
      const difference = sub(this.tower.forward(first), this.tower.forward(second));
      const distance = sum(square(difference), { axes: 1 });
      return sub(this.threshold, mul(this.factor, distance));
    });
  }
}

/** Pairs of images, half of them of the same class. */
interface Pairs {
  readonly first: Tensor;
  readonly second: Tensor;
  /** 1 for the same class, else 0. */
  readonly isSame: Tensor;
}

export function drawPairs({ images, labels }: Clothes, rng: Rng, count: number): Pairs {
  const any = (): number => rng.integer(labels.size);
  const second = Array.from({ length: count }, any);
  const first = second.map((partner, at) => {
    let index = any();
    while ((labels.values[index] === labels.values[partner]) !== (at % 2 === 0)) index = any();
    return index;
  });
  const [a, b] = [first, second].map((indices) => tensor(indices, { dtype: 'i32' }));
  return {
    first: gather(images, a),
    second: gather(images, b),
    isSame: cast(equal(gather(labels, a), gather(labels, b)), 'f32'),
  };
}

export function trainSiamese(clothes: Clothes, { steps = 200, batch = 32 } = {}): { network: Siamese; loss: number } {
  const rng = Rng.fromSeed(0);
  const network = new Siamese(rng.split('network'));
  const losses = minimize(network, {
    steps,
    learningRate: 3e-3,
    loss(network, step) {
      const { first, second, isSame } = drawPairs(clothes, rng.split('pairs', step), batch);
      return binaryCrossEntropyWithLogits(network.forward(first, second), isSame);
    },
  });
  return { network, loss: finalLoss(losses) };
}

/** The share of pairs that the network judges correctly, in percent. */
export function accuracyOfPairs(network: Siamese, { first, second, isSame }: Pairs): number {
  return tidy(() => {
    const found = cast(
      greater(
        noGradient(() => network.forward(first, second)),
        0,
      ),
      'f32',
    );
    return 100 * mean(equal(found, isSame)).values[0];
  });
}

if (import.meta.filename === process.argv[1]) {
  const { train, val } = await loadClothes(1000);
  const { network, loss } = trainSiamese(train);
  const accuracy = accuracyOfPairs(network, drawPairs(val, Rng.fromSeed(1), 500));
  console.log(`loss ${loss.toFixed(3)}; of 500 pairs of other images, ${accuracy.toFixed(1)} % are judged correctly`);
}
