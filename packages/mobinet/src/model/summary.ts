import { type Shape, safetensorsByteLength } from '@mobinet/tensor';
import { packedFormat, unsealedMetadata } from '../export/checked-file.js';
import { type PackedInfo, packedMetadata, packedSpecs, segmentPrefix } from '../export/packed-format.js';
import { MoBiNet } from './mobinet.js';
import { type MoBiNetOptions, resolveOptions } from './options.js';
import { planNetwork, type SegmentPlan, weightsPerFilter } from './plan.js';

/** Multiply-adds of one image, by the kind of their operands. */
export interface MultiplyAdds {
  readonly binaryMultiplyAdds: number;
  readonly floatMultiplyAdds: number;
}

export interface LayerSummary extends MultiplyAdds {
  readonly name: string;
  readonly kind: string;
  /** [height, width, channels] */
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly binaryParameters: number;
  readonly floatParameters: number;
  /** Bytes of its tensors in the packed file; null for a float twin, which has none. */
  readonly savedBytes: number | null;
}

export interface NetworkSummary extends MultiplyAdds {
  readonly options: MoBiNetOptions;
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly binaryParameters: number;
  readonly floatParameters: number;
  /** The paper's measure; see `countFlops`. */
  readonly flops: number;
  /** Size of the packed file, header included; null for a float twin. */
  readonly savedBytes: number | null;
}

/**
 * The paper's FLOPs (after Bi-Real Net): float multiply-adds, plus binary ones divided by 64, since one instruction
 * handles 64 bits. Counts convolutions and the classifier; BatchNorm, PReLU, skips, pooling and α are not counted.
 */
export function countFlops(layers: readonly MultiplyAdds[]): number {
  return layers.reduce((sum, layer) => sum + layer.floatMultiplyAdds + layer.binaryMultiplyAdds / 64, 0);
}

/** Multiply-adds of a convolution: each output pixel of each filter takes kernel² · channels-per-group of them. */
export function convMultiplyAdds(
  outSize: number,
  kernel: number,
  inChannels: number,
  outChannels: number,
  groups = 1,
): number {
  return outSize ** 2 * outChannels * ((kernel ** 2 * inChannels) / groups);
}

/** What a network is made of and what it costs, layer by layer. From options alone: nothing is allocated. */
export function summary(
  network: MoBiNet | Partial<MoBiNetOptions>,
  info: Omit<PackedInfo, 'options'> = {},
): NetworkSummary {
  const resolved = network instanceof MoBiNet ? network.options : resolveOptions(network);
  const { classes, imageSize } = resolved;
  const plan = planNetwork(resolved);
  const specs = packedSpecs(resolved, plan);
  // Of each channel: γ, β and the slope of a PReLU.
  const channelParameters = resolved.activation === 'prelu' ? 3 : 2;
  const isBinary = resolved.precision === 'binary';
  const bytesUnder = (prefix: string): number | null => {
    const own = specs.filter(({ name }) => name.startsWith(`${prefix}.`));
    return isBinary ? own.reduce((sum, { shape }) => sum + 4 * product(shape), 0) : null;
  };

  const { stem, features } = plan;
  const stemLayer: LayerSummary = {
    name: 'stem',
    kind: 'conv 3×3',
    inputShape: [imageSize, imageSize, 3],
    outputShape: [stem.outSize, stem.outSize, stem.outChannels],
    binaryParameters: 0,
    floatParameters: stem.outChannels * (27 + 3), // 3·3·3 weights; γ, β and a slope
    binaryMultiplyAdds: 0,
    floatMultiplyAdds: convMultiplyAdds(stem.outSize, 3, 3, stem.outChannels),
    savedBytes: bytesUnder('stem'),
  };
  const segmentLayer = (unit: number, segment: SegmentPlan): LayerSummary => {
    const { kernel, inChannels, outChannels, groups, size } = segment;
    const name = segmentPrefix(unit, segment);
    const weights = outChannels * weightsPerFilter(segment);
    const multiplyAdds = convMultiplyAdds(size, kernel, inChannels, outChannels, groups);
    return {
      name,
      kind: `${isBinary ? 'binary ' : ''}conv ${kernel}×${kernel}${groups > 1 ? `, groups of ${inChannels / groups}` : ''}`,
      inputShape: [size, size, inChannels],
      outputShape: [size, size, outChannels],
      binaryParameters: isBinary ? weights : 0,
      // α is counted, as it is saved.
      floatParameters: outChannels * channelParameters + (isBinary ? outChannels : weights),
      binaryMultiplyAdds: isBinary ? multiplyAdds : 0,
      floatMultiplyAdds: isBinary ? 0 : multiplyAdds,
      savedBytes: bytesUnder(name),
    };
  };
  const classifierLayer: LayerSummary = {
    name: 'classifier',
    kind: 'linear',
    inputShape: [features],
    outputShape: [classes],
    binaryParameters: 0,
    floatParameters: classes * (features + 1),
    binaryMultiplyAdds: 0,
    floatMultiplyAdds: classes * features,
    savedBytes: bytesUnder('classifier'),
  };

  const layers = [
    stemLayer,
    ...plan.units.flatMap(({ segments }, unit) => segments.map((segment) => segmentLayer(unit, segment))),
    classifierLayer,
  ];
  const total = (key: 'binaryParameters' | 'floatParameters' | 'binaryMultiplyAdds' | 'floatMultiplyAdds'): number =>
    layers.reduce((sum, layer) => sum + layer[key], 0);
  const [binaryParameters, floatParameters] = [total('binaryParameters'), total('floatParameters')];
  const metadata = unsealedMetadata(packedFormat, packedMetadata({ options: resolved, ...info }));
  return {
    options: resolved,
    layers,
    parameters: binaryParameters + floatParameters,
    binaryParameters,
    floatParameters,
    binaryMultiplyAdds: total('binaryMultiplyAdds'),
    floatMultiplyAdds: total('floatMultiplyAdds'),
    flops: countFlops(layers),
    savedBytes: isBinary ? safetensorsByteLength(specs, metadata) : null,
  };
}

const product = (shape: Shape): number => shape.reduce((size, axis) => size * axis, 1);
