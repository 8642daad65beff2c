import { bitTensor, reshape, type Tensor, tidy, transpose, unpackBits } from '@mobinet/tensor';
import type { MoBiNet } from '../model/mobinet.js';
import type { MoBiNetOptions } from '../model/options.js';
import { planNetwork, type SegmentPlan, weightsPerFilter } from '../model/plan.js';
import { stemConvolution } from '../model/stem.js';
import { version } from '../version.js';
import { OnnxGraph } from './onnx-graph.js';
import { networkTensors } from './pack.js';
import type { PackedFile, PackedTensors } from './packed-file.js';
import { type PackedInfo, packedMetadata, segmentPrefix } from './packed-format.js';

/**
 * A packed file as an ONNX model, for runtimes that know nothing of bits: all its operators are of floats, and signs are ±1.0.
 *
 *     images f32 [batch, 3, imageSize, imageSize] → logits f32 [batch, classes]
 *
 * Images are normalised as ours are, but their channels come first, as is the custom there. Tensors keep the names of the
 * packed format; filters are [filters, channels / groups, height, width]. Options, classes and preprocessing are in the
 * metadata, as JSON.
 */
export function encodeOnnx({ info, tensors }: PackedFile): Uint8Array {
  const metadata = packedMetadata(info);
  const { imageSize, classes } = info.options;
  return tidy(() =>
    new NetworkWriter(info.options, tensors).write().encode({
      name: 'MoBiNet',
      input: { name: 'images', shape: ['batch', 3, imageSize, imageSize] },
      output: { name: 'logits', shape: ['batch', classes] },
      producerVersion: version,
      metadata,
    }),
  );
}

/** A network, in evaluation, as an ONNX model (`encodeOnnx`). It may be a float twin. */
export function exportOnnx(model: MoBiNet, info: Omit<PackedInfo, 'options'> = {}): Uint8Array {
  return tidy(() => encodeOnnx({ info: { options: model.options, ...info }, tensors: networkTensors(model) }));
}

/** Writes a graph layer by layer. Each layer is given the name of its input and returns that of its output. */
class NetworkWriter {
  readonly #graph = new OnnxGraph();
  readonly #options: MoBiNetOptions;
  readonly #tensors: PackedTensors;

  constructor(options: MoBiNetOptions, tensors: PackedTensors) {
    this.#options = options;
    this.#tensors = tensors;
  }

  write(): OnnxGraph {
    const { units } = planNetwork(this.#options);
    let x = this.#stem('images');
    units.forEach(({ segments, pool }, unit) => {
      for (const segment of segments) x = this.#segment(x, segment, segmentPrefix(unit, segment));
      if (pool) x = this.#pool(x, `units.${unit}`);
    });
    this.#classifier(x);
    return this.#graph;
  }

  #stem(images: string): string {
    const { stride, padding } = stemConvolution(this.#options.stemStride);
    const weight = this.#filters('stem.weight', this.#f32('stem.weight'));
    const y = this.#convolution('stem', images, weight, { strides: [stride, stride], pads: border(padding) });
    return this.#activation('stem', this.#norm('stem', y));
  }

  #segment(x: string, plan: SegmentPlan, prefix: string): string {
    const isBinary = this.#options.precision === 'binary';
    const y = isBinary ? this.#binaryConvolution(prefix, x, plan) : this.#floatConvolution(prefix, x, plan);
    return this.#skip(prefix, this.#norm(prefix, this.#activation(prefix, y)), x, plan);
  }

  #floatConvolution(prefix: string, x: string, { kernel, groups }: SegmentPlan): string {
    const weight = this.#filters(`${prefix}.weight`, this.#f32(`${prefix}.weight`));
    return this.#convolution(prefix, x, weight, { group: groups, pads: border((kernel - 1) / 2) });
  }

  /** α · (sign(x) ∗ signs). Sums of ±1 are whole numbers, so each runtime comes to the same, in whatever order it adds. */
  #binaryConvolution(prefix: string, x: string, plan: SegmentPlan): string {
    const reach = (plan.kernel - 1) / 2;
    const isOne = this.#options.padding === 'one' && reach > 0;
    const signs = this.#sign(prefix, x);
    const counts = this.#convolution(
      prefix,
      isOne ? this.#surroundedByOne(prefix, signs) : signs,
      this.#filters(`${prefix}.signs`, filterSigns(plan, this.#tensors.get(`${prefix}.signs`) as Tensor<'u32'>)),
      { group: plan.groups, pads: border(isOne ? 0 : reach) },
    );
    // α comes first: onnxruntime moves a factor that comes second into the weights, and sums of ±α have to be rounded.
    return this.#graph.node('Mul', `${prefix}.scaled`, [this.#perChannel(`${prefix}.alpha`), counts]);
  }

  /** −1 where x < 0, else +1: so also of 0 and NaN. (The operator Sign says 0 of 0.) */
  #sign(prefix: string, x: string): string {
    const isNegative = this.#graph.node('Less', `${prefix}.negative`, [x, this.#graph.filled('zero', [], 0)]);
    const [minus, plus] = [this.#graph.filled('minus_one', [], -1), this.#graph.filled('one', [], 1)];
    return this.#graph.node('Where', `${prefix}.sign`, [isNegative, minus, plus]);
  }

  #surroundedByOne(prefix: string, signs: string): string {
    const one = this.#graph.filled('one', [], 1);
    const onePixel = this.#graph.integers('one_pixel', [0, 0, 1, 1, 0, 0, 1, 1]);
    return this.#graph.node('Pad', `${prefix}.border`, [signs, onePixel, one]);
  }

  #convolution(prefix: string, x: string, weight: string, attributes: Record<string, number | number[]>): string {
    return this.#graph.node('Conv', `${prefix}.conv`, [x, weight], attributes);
  }

  #activation(prefix: string, x: string): string {
    const hasSlope = this.#tensors.has(`${prefix}.slope`);
    return hasSlope
      ? this.#graph.node('PRelu', `${prefix}.activation`, [x, this.#perChannel(`${prefix}.slope`)])
      : this.#graph.node('Relu', `${prefix}.activation`, [x]);
  }

  /** The file has statistics folded into scale and shift. What is left is the BatchNorm of mean 0 and variance 1. */
  #norm(prefix: string, x: string): string {
    const [scale, shift] = [this.#f32(`${prefix}.scale`), this.#f32(`${prefix}.shift`)];
    const inputs = [
      this.#graph.tensor(`${prefix}.scale`, scale),
      this.#graph.tensor(`${prefix}.shift`, shift),
      this.#graph.filled(`zeros.${scale.size}`, scale.shape, 0),
      this.#graph.filled(`ones.${scale.size}`, scale.shape, 1),
    ];
    return this.#graph.node('BatchNormalization', `${prefix}.norm`, [x, ...inputs], { epsilon: { float: 0 } });
  }

  #skip(prefix: string, y: string, x: string, { skipRepeats }: SegmentPlan): string {
    if (skipRepeats === 0) return y;
    const copies = new Array<string>(skipRepeats).fill(x);
    const skipped = skipRepeats === 1 ? x : this.#graph.node('Concat', `${prefix}.repeated`, copies, { axis: 1 });
    return this.#graph.node('Add', `${prefix}.skip`, [y, skipped]);
  }

  #pool(x: string, prefix: string): string {
    const name = `${prefix}.pool`;
    switch (this.#options.pool) {
      case 'average':
        return this.#halved('AveragePool', name, x);
      case 'max':
        return this.#halved('MaxPool', name, x);
      case 'min': {
        // min(x) = −max(−x), since there is no MinPool.
        const negated = this.#graph.node('Neg', `${name}.negated`, [x]);
        return this.#graph.node('Neg', name, [this.#halved('MaxPool', `${name}.max`, negated)]);
      }
    }
  }

  /** By windows of 2×2. Of an odd size, the last row and column are left out, as we do. */
  #halved(operator: string, name: string, x: string): string {
    return this.#graph.node(operator, name, [x], { kernel_shape: [2, 2], strides: [2, 2] });
  }

  #classifier(x: string): string {
    const features = this.#graph.node('Flatten', 'features', [this.#graph.node('GlobalAveragePool', 'pool', [x])]);
    const [weight, bias] = ['classifier.weight', 'classifier.bias'].map((name) =>
      this.#graph.tensor(name, this.#f32(name)),
    );
    return this.#graph.node('Gemm', 'logits', [features, weight, bias], { transB: 1 });
  }

  /** Adds filters [filters, height, width, channels], as ours are, with the channels before the pixels. */
  #filters(name: string, filters: Tensor): string {
    return this.#graph.tensor(name, transpose(filters, [0, 3, 1, 2]));
  }

  /** Adds a vector [channels] so that it lies along the channels of images: [channels, 1, 1]. */
  #perChannel(name: string): string {
    const vector = this.#f32(name);
    return this.#graph.tensor(name, vector, [vector.size, 1, 1]);
  }

  #f32(name: string): Tensor {
    return this.#tensors.get(name) as Tensor;
  }
}

/** ±1.0, [filters, height, width, channels / groups], of rows of bits. */
function filterSigns(plan: SegmentPlan, { values }: Tensor<'u32'>): Tensor {
  const { outChannels, kernel, inChannels, groups } = plan;
  const signs = unpackBits(bitTensor(values, [outChannels, weightsPerFilter(plan)]));
  return reshape(signs, [outChannels, kernel, kernel, inChannels / groups]);
}

/** So many pixels on each side: top, left, bottom, right. */
const border = (pixels: number): number[] => new Array<number>(4).fill(pixels);
