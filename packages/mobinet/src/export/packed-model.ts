import { GlobalAveragePool2d, Module, Pool2d } from '@mobinet/autograd';
import { scaleCounts } from '@mobinet/bnn';
import {
  add,
  affine,
  type BitTensor,
  bitConv2d,
  bitTensor,
  conv2d,
  dispose,
  matmul,
  packBits,
  prelu,
  relu,
  reshape,
  type Tensor,
  tidy,
  unpackBits,
} from '@mobinet/tensor';
import { checkImages, stemConvolution } from '../model/mobinet.js';
import type { MoBiNetOptions } from '../model/options.js';
import { planNetwork, type SegmentPlan } from '../model/plan.js';
import { addSkip } from '../model/segment.js';
import { decodePacked, type PackedTensors } from './packed-file.js';
import { type PackedInfo, segmentPrefix, weightsPerFilter } from './packed-format.js';

/**
 * A network from a packed file: bits, scales and no latent weights. Its logits are those of the trained network in
 * evaluation, bit for bit: both run the same ops on the same numbers.
 */
export class PackedMoBiNet extends Module {
  readonly #stem: { readonly weight: Tensor } & ChannelTensors;
  readonly #layers: readonly Module[];
  readonly #classifier: { readonly weight: Tensor; readonly bias: Tensor };
  readonly #tensors: PackedTensors;
  readonly info: PackedInfo;

  /** Takes over the tensors, which `loadPacked` has checked. */
  constructor(info: PackedInfo, tensors: PackedTensors) {
    super();
    const { options } = info;
    const plan = planNetwork(options);
    this.info = info;
    this.#tensors = tensors;
    this.#stem = { weight: f32(tensors, 'stem.weight'), ...channelTensors(tensors, 'stem') };
    this.#layers = [
      ...plan.units.flatMap(({ segments, pool }, unit) => [
        ...segments.map((segment) => new PackedSegment(segment, segmentPrefix(unit, segment), options, tensors)),
        ...(pool ? [new Pool2d(options.pool)] : []),
      ]),
      new GlobalAveragePool2d(),
    ];
    this.#classifier = { weight: f32(tensors, 'classifier.weight'), bias: f32(tensors, 'classifier.bias') };
    this.eval();
  }

  get options(): MoBiNetOptions {
    return this.info.options;
  }

  /** Images [batch, imageSize, imageSize, 3] to logits [batch, classes]. */
  override forward(x: Tensor): Tensor {
    checkImages(x, this.options);
    return tidy(() => {
      const { weight, scale, shift, slope } = this.#stem;
      const convolved = conv2d(x, weight, stemConvolution(this.options.stemStride));
      const stem = activate(affine(convolved, scale, shift), slope);
      const features = this.#layers.reduce((value, layer) => layer.forward(value), stem);
      return add(matmul(features, this.#classifier.weight, { transposeB: true }), this.#classifier.bias);
    });
  }

  override dispose(): void {
    dispose(this.#tensors);
    for (const layer of this.#layers) layer.dispose();
  }
}

class PackedSegment extends Module {
  readonly #plan: SegmentPlan;
  readonly #convolution;
  readonly #signs: BitTensor;
  readonly #alpha: Tensor;
  readonly #channels: ChannelTensors;

  constructor(plan: SegmentPlan, prefix: string, options: MoBiNetOptions, tensors: PackedTensors) {
    super();
    this.#plan = plan;
    this.#convolution = { groups: plan.groups, padding: 'same', paddingValue: options.padding } as const;
    this.#signs = filterSigns(plan, tensors.get(`${prefix}.signs`) as Tensor<'u32'>);
    this.#alpha = f32(tensors, `${prefix}.alpha`);
    this.#channels = channelTensors(tensors, prefix);
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const { scale, shift, slope } = this.#channels;
      const counts = bitConv2d(packBits(x), this.#signs, this.#convolution);
      const y = affine(activate(scaleCounts(counts, this.#alpha), slope), scale, shift);
      return addSkip(y, x, this.#plan.skipRepeats);
    });
  }

  override dispose(): void {
    this.#signs.dispose();
  }
}

/** From one row of bits a filter, as in the file, to one row a tap, as the convolution reads them. */
function filterSigns(plan: SegmentPlan, { values }: Tensor<'u32'>): BitTensor {
  const { outChannels, kernel, inChannels, groups } = plan;
  return tidy(() => {
    const rows = bitTensor(values, [outChannels, weightsPerFilter(plan)]);
    return packBits(reshape(unpackBits(rows), [outChannels, kernel, kernel, inChannels / groups]));
  });
}

/** What follows a convolution, channel by channel: PReLU (null: ReLU), and BatchNorm as x·scale + shift. */
interface ChannelTensors {
  readonly slope: Tensor | null;
  readonly scale: Tensor;
  readonly shift: Tensor;
}

function channelTensors(tensors: PackedTensors, prefix: string): ChannelTensors {
  const slope = tensors.has(`${prefix}.slope`) ? f32(tensors, `${prefix}.slope`) : null;
  return { slope, scale: f32(tensors, `${prefix}.scale`), shift: f32(tensors, `${prefix}.shift`) };
}

function activate(x: Tensor, slope: Tensor | null): Tensor {
  return slope ? prelu(x, slope) : relu(x);
}

const f32 = (tensors: PackedTensors, name: string): Tensor => tensors.get(name) as Tensor;

/**
 * Reads a packed file.
 * @param source What errors call the file.
 * @throws FormatError, one line that names the tensor, if it is not what its options promise.
 */
export function loadPacked(bytes: Uint8Array, source?: string): PackedMoBiNet {
  const { info, tensors } = decodePacked(bytes, source);
  return new PackedMoBiNet(info, tensors);
}
