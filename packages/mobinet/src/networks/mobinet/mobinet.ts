import { BatchNorm2d, Conv2d, GlobalAveragePool2d, Linear, Module, Pool2d, PReLU } from '@mobinet/autograd';
import { Rng, type Shape, ShapeError, sameShape, type Tensor, tidy } from '@mobinet/tensor/functions';
import { resolveOptions } from '../options.js';
import { type MoBiNetOptions, mobinetOptions } from './options.js';
import { type NetworkPlan, planNetwork, type UnitPlan } from './plan.js';
import { Segment } from './segment.js';

/**
 * MoBiNet (Phan et al., WACV 2020): a MobileNet v1 whose 13 units compute on single bits, between a stem and a
 * classifier of floats.
 *
 *     images [batch, size, size, 3] → stem → 13 units → mean over the pixels → classifier → logits [batch, classes]
 *
 * @example
 * ```ts
 * import { noGradient } from '@mobinet/autograd';
 * import { Rng } from '@mobinet/tensor';
 * import { createMoBiNet } from 'mobinet';
 *
 * const network = createMoBiNet({ width: 0.25, imageSize: 32, classes: 10 }).eval();
 * const logits = noGradient(() => network.forward(Rng.fromSeed(0).normal([2, 32, 32, 3])));
 * console.log(`${network.units.length} units, logits [${logits.shape}]`);
 * // → 13 units, logits [2,10]
 * ```
 */
export class MoBiNet extends Module {
  /** A float convolution, batch normalization and PReLU. */
  readonly stem: Stem;
  /** The 13 binary units. */
  readonly units: readonly Unit[];
  /** The linear layer from the features to the logits, on floats. */
  readonly classifier: Linear;
  /** All options, including defaults. */
  readonly options: MoBiNetOptions;
  /** The channels and sizes of all layers. */
  readonly plan: NetworkPlan;
  /** [height, width, channels] of an image. */
  readonly imageShape: Shape;
  readonly #pool = new GlobalAveragePool2d();

  /**
   * @param options All options, checked: use `createMoBiNet` for options with defaults.
   * @throws RangeError for incompatible options, like `planNetwork`.
   */
  constructor(options: MoBiNetOptions) {
    super();
    const plan = planNetwork(options);
    const rng = Rng.fromSeed(options.seed);
    this.options = options;
    this.plan = plan;
    this.imageShape = [options.imageSize, options.imageSize, 3];
    this.stem = new Stem(plan, rng.split('stem'));
    this.units = plan.units.map((unit, index) => new Unit(unit, options, rng.split('units', index)));
    this.classifier = new Linear(plan.features, options.classes, { rng: rng.split('classifier') });
    this.label();
  }

  /** @throws ShapeError unless x is [batch, imageSize, imageSize, 3]. */
  override forward(x: Tensor): Tensor {
    this.#checkImages(x);
    return tidy(() => {
      let features = this.stem.forward(x);
      for (const unit of this.units) features = unit.forward(features);
      return this.classifier.forward(this.#pool.forward(features));
    });
  }

  #checkImages({ shape }: Tensor): void {
    const { imageShape } = this;
    if (shape.length === 4 && sameShape(shape.slice(1), imageShape)) return;
    throw new ShapeError('MoBiNet', `images must be [batch, ${imageShape.join(', ')}]`, [
      { name: 'x', shape, note: 'batch, height, width, channels' },
    ]);
  }
}

/**
 * Creates a MoBiNet with freshly initialized weights. Missing options take their defaults, which the second example
 * lists.
 *
 * @throws RangeError or TypeError, one line that names the option, for invalid options.
 * @example
 * ```ts
 * import { createMoBiNet } from 'mobinet';
 *
 * const network = createMoBiNet({ width: 0.5, imageSize: 64, classes: 10 });
 * console.log(`${network.options.block}, K = ${network.options.k}, images [${network.imageShape}]`);
 * // → mid, K = 3, images [64,64,3]
 * ```
 * @example All options, their defaults and their choices
 * ```ts
 * import { mobinet } from 'mobinet';
 *
 * for (const [name, option] of Object.entries(mobinet.options)) {
 *   const choices = 'choices' in option ? ` of ${option.choices.join(', ')}` : '';
 *   console.log(`${name}: ${option.default}${choices}`);
 * }
 * // → classes: 1000
 * // → imageSize: 224
 * // → seed: 0
 * // → block: mid of none, pre, mid, post
 * // → k: 3
 * // → shift: none of none, learned
 * // → activation: prelu of prelu, relu, rprelu
 * // → skip: all of all, same-shape, figure, none
 * // → pool: average of average, max, min
 * // → width: 1
 * // → stemStride: 2 of 1, 2
 * // → padding: one of one, zero
 * // → estimator: approx of approx, clip, identity
 * // → scalingGradient: full of full, xnor-net, detached
 * // → gamma: 0.2
 * // → precision: binary of binary, binary-activations, float
 * ```
 */
export function createMoBiNet(options: Partial<MoBiNetOptions> = {}): MoBiNet {
  return new MoBiNet(resolveOptions(mobinetOptions, options, 'mobinet'));
}

/**
 * Float 3×3 convolution → BatchNorm → PReLU. The stem is not binary, since three color channels hold too little
 * information to reduce them to bits. It has a PReLU whatever `activation` is: the outputs of a ReLU all have the sign
 * +1, so the units would see a constant.
 */
class Stem extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm2d;
  readonly activation: PReLU;

  constructor({ stem }: NetworkPlan, rng: Rng) {
    super();
    // Padded by one pixel on every side, as in PyTorch's MobileNets.
    this.conv = new Conv2d(3, stem.outChannels, { stride: stem.stride, padding: 1, bias: false, rng });
    this.norm = new BatchNorm2d(stem.outChannels);
    this.activation = new PReLU(stem.outChannels);
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => this.activation.forward(this.norm.forward(this.conv.forward(x))));
  }
}

/** A depth-wise segment and one or two point-wise ones, optionally followed by a pool. */
class Unit extends Module {
  readonly depthwise: Segment;
  readonly pointwise: Segment;
  /** The additional point-wise segment; null for block `'none'`. */
  readonly extra: Segment | null;
  readonly #layers: readonly Module[];

  constructor(plan: UnitPlan, options: MoBiNetOptions, rng: Rng) {
    super();
    const segments = new Map(plan.segments.map((s) => [s.name, new Segment(s, options, rng.split(s.name))]));
    this.depthwise = segments.get('depthwise')!;
    this.pointwise = segments.get('pointwise')!;
    this.extra = segments.get('extra') ?? null;
    this.#layers = [...segments.values(), ...(plan.pool ? [new Pool2d(options.pool)] : [])];
  }

  /** The segments in execution order. */
  get segments(): readonly Segment[] {
    return this.#layers.filter((layer) => layer instanceof Segment);
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => this.#layers.reduce((value, layer) => layer.forward(value), x));
  }
}
