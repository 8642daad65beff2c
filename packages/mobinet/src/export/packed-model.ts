import { GlobalAveragePool2d, Module, Pool2d } from '@mobinet/autograd';
import { scaleCounts } from '@mobinet/bnn';
import {
  add,
  affine,
  type BitTensor,
  bitConv2d,
  bitTensor,
  conv2d,
  type DType,
  decodeSafetensors,
  dispose,
  FormatError,
  matmul,
  packBits,
  prelu,
  relu,
  reshape,
  type Tensor,
  tidy,
  unpackBits,
  wordBits,
} from '@mobinet/tensor';
import { imageNetNormalization } from '../data/augment.js';
import { messageOf, oneLine } from '../data/errors.js';
import { checkImages, stemConvolution } from '../model/mobinet.js';
import { type MoBiNetOptions, resolveOptions } from '../model/options.js';
import { planNetwork, type SegmentPlan } from '../model/plan.js';
import { addSkip } from '../model/segment.js';
import { checkClasses, checkLike } from './metadata.js';
import {
  formatName,
  formatVersion,
  type PackedInfo,
  type Preprocessing,
  packedSpecs,
  segmentPrefix,
  weightsPerFilter,
} from './packed-format.js';

/** The tensors of a file, by name, and which of them were taken. */
type Tensors = ReadonlyMap<string, Tensor<DType>>;

/**
 * A network from a packed file: bits, scales and no latent weights. Its logits are those of the trained network in
 * evaluation, bit for bit: both run the same ops on the same numbers.
 */
export class PackedMoBiNet extends Module {
  readonly #stem: { readonly weight: Tensor } & ChannelTensors;
  readonly #layers: readonly Module[];
  readonly #classifier: { readonly weight: Tensor; readonly bias: Tensor };
  readonly #tensors: Tensors;
  readonly info: PackedInfo;

  /** Takes over the tensors, which `loadPacked` has checked. */
  constructor(info: PackedInfo, tensors: Tensors) {
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

  constructor(plan: SegmentPlan, prefix: string, options: MoBiNetOptions, tensors: Tensors) {
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

function channelTensors(tensors: Tensors, prefix: string): ChannelTensors {
  const slope = tensors.has(`${prefix}.slope`) ? f32(tensors, `${prefix}.slope`) : null;
  return { slope, scale: f32(tensors, `${prefix}.scale`), shift: f32(tensors, `${prefix}.shift`) };
}

function activate(x: Tensor, slope: Tensor | null): Tensor {
  return slope ? prelu(x, slope) : relu(x);
}

const f32 = (tensors: Tensors, name: string): Tensor => tensors.get(name) as Tensor;

/**
 * Reads a packed file.
 * @param source What errors call the file.
 * @throws FormatError, one line that names the tensor, if it is not what its options promise.
 */
export function loadPacked(bytes: Uint8Array, source = 'packed model'): PackedMoBiNet {
  const { tensors, metadata } = decodeSafetensors(bytes, { source });
  try {
    const info = readInfo(metadata, source);
    checkTensors(tensors, info.options, source);
    return new PackedMoBiNet(info, tensors);
  } catch (error) {
    dispose(tensors);
    throw error;
  }
}

function readInfo(metadata: Record<string, string>, source: string): PackedInfo {
  if (metadata.format !== formatName)
    throw new FormatError(`${source}: not a packed MoBiNet (no such format in its metadata)`);
  if (metadata.version !== formatVersion) {
    throw new FormatError(`${source}: version ${metadata.version} of the format is not known, only ${formatVersion}`);
  }
  try {
    const options = resolveOptions(JSON.parse(metadata.options));
    if (options.precision !== 'binary') throw new RangeError(`a packed network is binary, not ${options.precision}`);
    planNetwork(options);
    return {
      options,
      ...(metadata.classes !== undefined && { classes: readClasses(metadata.classes, options) }),
      ...(metadata.preprocessing !== undefined && { preprocessing: readPreprocessing(metadata.preprocessing) }),
    };
  } catch (error) {
    throw new FormatError(oneLine(`${source}: its metadata cannot be read: ${messageOf(error)}`));
  }
}

function readClasses(json: string, options: MoBiNetOptions): readonly string[] {
  const classes: unknown = JSON.parse(json);
  checkClasses(classes, options.classes);
  return classes;
}

function readPreprocessing(json: string): Preprocessing {
  const preprocessing: unknown = JSON.parse(json);
  checkLike(preprocessing, { resize: 1, normalization: imageNetNormalization }, 'preprocessing');
  return preprocessing as Preprocessing;
}

function hasTailBits(words: ArrayLike<number>, rowWords: number, rowBits: number): boolean {
  const used = rowBits % wordBits;
  if (used === 0) return false;
  for (let last = rowWords - 1; last < words.length; last += rowWords) if (words[last] >>> used !== 0) return true;
  return false;
}

function checkTensors(tensors: Tensors, options: MoBiNetOptions, source: string): void {
  const specs = packedSpecs(options);
  for (const { name, dtype, shape, rowBits } of specs) {
    const found = tensors.get(name);
    if (!found) throw new FormatError(`${source}: tensor ${name} is missing`);
    if (found.dtype !== dtype || found.shape.join() !== shape.join()) {
      throw new FormatError(
        `${source}: tensor ${name} is ${found.dtype} [${found.shape}], but its options ask for ${dtype} [${shape}]`,
      );
    }
    if (dtype === 'f32' && !found.values.every(Number.isFinite)) {
      throw new FormatError(`${source}: tensor ${name} holds a number that is not finite`);
    }
    if (rowBits !== undefined && hasTailBits(found.values, shape[1], rowBits)) {
      throw new FormatError(`${source}: tensor ${name} has bits set beyond the ${rowBits} weights of a filter`);
    }
  }
  const known = new Set(specs.map(({ name }) => name));
  for (const name of tensors.keys()) {
    if (!known.has(name)) throw new FormatError(`${source}: tensor ${name} does not belong to this network`);
  }
}
