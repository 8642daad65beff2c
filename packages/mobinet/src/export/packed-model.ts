import { Module } from '@mobinet/autograd';
import { countDType, foldLines, foldThresholds } from '@mobinet/bnn';
import {
  add,
  type BitTensor,
  bitTensor,
  dispose,
  keep,
  matmul,
  mean,
  packBits,
  reshape,
  setThreads,
  softmax,
  type Tensor,
  threadCount,
  tidy,
  toBackend,
  unpackBits,
  withBackend,
} from '@mobinet/tensor';
import { type Preprocessing, prepareImages } from '../data/prepare.js';
import { readBytes } from '../data/read-bytes.js';
import type { Image } from '../data/source.js';
import type { MoBiNetOptions } from '../model/options.js';
import { planNetwork, type SegmentPlan, weightsPerFilter } from '../model/plan.js';
import { checkImages } from '../model/stem.js';
import { decodePacked, type PackedFile, type PackedTensors } from './packed-file.js';
import { type PackedInfo, segmentPrefix, usualPreprocessing } from './packed-format.js';
import { type PackedLayers, PackedPlan, type PackedSegment } from './packed-plan.js';
import { mostProbable, type Prediction } from './prediction.js';

/**
 * A network from a packed file: bits, and three numbers a channel. On the CPU its logits are those of the trained network in evaluation,
 * bit for bit: both calculate the same, number by number. It is made on the current backend, and runs there.
 */
export class PackedMoBiNet extends Module {
  readonly info: PackedInfo;
  readonly #layers: PackedLayers;
  readonly #classifier: { readonly weight: Tensor; readonly bias: Tensor };
  /** Of the last batch size: a caller's batches are of one size, but for the last. */
  #plan: PackedPlan | null = null;

  /** Takes over the tensors of a file. */
  constructor({ info, tensors }: PackedFile) {
    super();
    this.info = info;
    const at = (name: string): Tensor => keep(toBackend(tensors.get(name) as Tensor));
    this.#layers = {
      options: info.options,
      stem: { weight: at('stem.weight'), scale: at('stem.scale'), shift: at('stem.shift'), slope: at('stem.slope') },
      segments: packedSegments(info.options, tensors),
    };
    this.#classifier = { weight: at('classifier.weight'), bias: at('classifier.bias') };
    dispose(tensors);
    this.eval();
  }

  get options(): MoBiNetOptions {
    return this.info.options;
  }

  /** How images are made ready for it: as its file says, or else as usual. */
  get preprocessing(): Preprocessing {
    return this.info.preprocessing ?? usualPreprocessing(this.options);
  }

  /** The binary layers in their order, with the signs of their filters. */
  get segments(): readonly PackedSegment[] {
    return this.#layers.segments;
  }

  /** Images [batch, imageSize, imageSize, 3] to logits [batch, classes]. */
  override forward(x: Tensor): Tensor {
    const { layers, features } = this.#planFor(x);
    for (const layer of layers) layer.run(x);
    return this.#classify(features);
  }

  /** Like `forward`, and tells of each layer once it is done, or on a GPU once it is asked for: ask for its signs' `data()` there. */
  watch(x: Tensor, onLayer: (layer: LayerReport) => void): Tensor {
    const { layers, features } = this.#planFor(x);
    for (const { name, run, output } of layers) {
      const start = performance.now();
      run(x);
      onLayer({ name, milliseconds: performance.now() - start, signs: output.signs });
    }
    const start = performance.now();
    const logits = this.#classify(features);
    onLayer({ name: 'classifier', milliseconds: performance.now() - start, signs: null });
    return logits;
  }

  /** The most probable classes of each image. On a GPU, use `predictAsync`. @param options.top How many of them. */
  predict(images: readonly Image[], { top = 5 }: { top?: number } = {}): Prediction[][] {
    return tidy(() => this.#ranked(this.#probabilities(images).values, top));
  }

  /** The same, wherever the network is: a GPU cannot be waited for otherwise. */
  async predictAsync(images: readonly Image[], { top = 5 }: { top?: number } = {}): Promise<Prediction[][]> {
    const probabilities = tidy(() => this.#probabilities(images));
    const values = await probabilities.data();
    probabilities.dispose();
    return this.#ranked(values, top);
  }

  #probabilities(images: readonly Image[]): Tensor {
    return softmax(this.forward(prepareImages(images, this.preprocessing, this.options.imageSize)));
  }

  #ranked(probabilities: Float32Array, top: number): Prediction[][] {
    const { classes } = this.options;
    return Array.from({ length: probabilities.length / classes }, (_, image) =>
      mostProbable(probabilities.subarray(image * classes, (image + 1) * classes), this.info.classes, top),
    );
  }

  #planFor(x: Tensor): PackedPlan {
    checkImages(x, this.options);
    const batch = x.shape[0];
    if (this.#plan?.batch !== batch) {
      this.#plan?.dispose();
      this.#plan = new PackedPlan(this.#layers, batch);
    }
    return this.#plan;
  }

  #classify(features: Tensor): Tensor {
    const { weight, bias } = this.#classifier;
    return tidy(() => add(matmul(mean(features, { axes: [1, 2] }), weight, { transposeB: true }), bias));
  }

  override dispose(): void {
    this.#plan?.dispose();
    this.#plan = null;
    dispose([this.#layers.stem, this.#layers.segments, this.#classifier]);
  }
}

/** What a layer did in one run. */
export interface LayerReport {
  readonly name: string;
  /** On a GPU, of asking for it. */
  readonly milliseconds: number;
  /** What it hands to the next layer, [batch, height, width, channels]; overwritten by it. null of the classifier. */
  readonly signs: BitTensor | null;
}

function packedSegments(options: MoBiNetOptions, tensors: PackedTensors): PackedSegment[] {
  const all = planNetwork(options).units.flatMap((unit, index) =>
    unit.segments.map((plan, at) => ({ plan, unit, name: segmentPrefix(index, plan), isLast: !unit.segments[at + 1] })),
  );
  return all.map(({ plan, unit, name, isLast }, at): PackedSegment => {
    const tensorAt = (part: string): Tensor => tensors.get(`${name}.${part}`) as Tensor;
    const slope = tensors.has(`${name}.slope`) ? tensorAt('slope') : null;
    const pool = isLast && unit.pool ? options.pool : null;
    const signs = weightsPerFilter(plan);
    const dtype = countDType(signs, { paddingValue: options.padding });
    const isSignOnly = plan.skipRepeats === 0 && pool === null && all[at + 1]?.plan.skipRepeats === 0;
    // Worked out on the CPU, where the file's numbers are.
    const made = withBackend('cpu', () => ({
      lines: foldLines({ alpha: tensorAt('alpha'), slope, scale: tensorAt('scale'), shift: tensorAt('shift') }),
      signs: filterSigns(plan, tensors.get(`${name}.signs`) as Tensor<'u32'>),
    }));
    const thresholds = isSignOnly ? withBackend('cpu', () => foldThresholds(made.lines, dtype, signs)) : null;
    const segment = keep({
      ...{ name, plan, pool, dtype, outSize: isLast ? unit.outSize : plan.size },
      lines: toBackend(made.lines),
      signs: toBackend(made.signs),
      thresholds: thresholds && toBackend(thresholds),
    });
    dispose([made, thresholds]);
    return segment;
  });
}

/** From one row of bits a filter, as in the file, to one row a tap, as the convolution reads them. */
function filterSigns(plan: SegmentPlan, { values }: Tensor<'u32'>): BitTensor {
  const { outChannels, kernel, inChannels, groups } = plan;
  return tidy(() => {
    const rows = bitTensor(values, [outChannels, weightsPerFilter(plan)]);
    return packBits(reshape(unpackBits(rows), [outChannels, kernel, kernel, inChannels / groups]));
  });
}

/**
 * Makes a packed file ready to run.
 * @param source What errors call the file.
 * @throws FormatError, one line that names the tensor, if it is not what its options promise.
 */
export function unpackModel(bytes: Uint8Array, source?: string): PackedMoBiNet {
  return new PackedMoBiNet(decodePacked(bytes, source));
}

/**
 * Loads a packed network: from bytes, from a URL, or from a path. On a web page, a path is a URL relative to the page.
 * @throws FormatError as `unpackModel`; Error, one line, if there is no such file.
 */
export async function loadPacked(source: Uint8Array | string | URL): Promise<PackedMoBiNet> {
  // Threads start between calls. A program that predicts again and again, and never waits, would not have them.
  await setThreads(threadCount());
  if (source instanceof Uint8Array) return unpackModel(source);
  return unpackModel(await readBytes(source, 'model'), String(source));
}
