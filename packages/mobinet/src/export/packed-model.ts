import { Module } from '@mobinet/autograd';
import {
  type BitTensor,
  dispose,
  keep,
  setThreads,
  softmax,
  type Tensor,
  threadCount,
  tidy,
  withBackend,
} from '@mobinet/tensor';
import { type Layer, layersOf } from '@mobinet/tensor/kernels';
import { type Preprocessing, prepareImages } from '../data/prepare.js';
import { readBytes } from '../data/read-bytes.js';
import type { Image } from '../data/source.js';
import type { MoBiNetOptions } from '../model/options.js';
import { BatchProgram } from './batch-program.js';
import { decodePacked, type PackedFile } from './packed-file.js';
import { type PackedInfo, usualPreprocessing } from './packed-format.js';
import { type PackedLayers, type PackedSegment, packedForward, packedLayers } from './packed-layers.js';
import { mostProbable, type Prediction } from './prediction.js';

/**
 * A network from a packed file: bits, and three numbers a channel. On the CPU its logits are those of the trained network in evaluation,
 * bit for bit: both calculate the same, number by number. It is made on the current backend, and runs there.
 */
export class PackedMoBiNet extends Module {
  readonly info: PackedInfo;
  readonly #layers: PackedLayers;
  readonly #program: BatchProgram;

  /** Takes over the tensors of a file. */
  constructor({ info, tensors }: PackedFile) {
    super();
    this.info = info;
    this.#layers = keep(withBackend('cpu', () => packedLayers(info.options, tensors)));
    dispose(tensors);
    const { imageSize } = info.options;
    this.#program = new BatchProgram((x) => packedForward(this.#layers, x as Tensor), [imageSize, imageSize, 3]);
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
    return this.#program.for(x).run([x])[0] as Tensor;
  }

  /** Like `forward`, and tells of each layer once it is done, or on a GPU once it is asked for: ask for its signs' `data()` there. */
  watch(x: Tensor, onLayer: (layer: LayerReport) => void): Tensor {
    const ready = this.#program.for(x);
    const { program } = ready;
    const layers = layersOf(program);
    const signsOf = ({ from, to }: Layer): BitTensor | null => {
      const made = program.calls.slice(from, to).flatMap(({ outputs }) => outputs);
      const signs = made.findLast((value) => program.values[value].dtype === 'bits');
      return signs === undefined ? null : (ready.tensor(signs) as BitTensor);
    };
    let start = performance.now();
    const [logits] = ready.run([x], (call) => {
      const layer = layers.find(({ to }) => to === call + 1);
      if (!layer) return;
      onLayer({ name: layer.name, milliseconds: performance.now() - start, signs: signsOf(layer) });
      start = performance.now();
    });
    return logits as Tensor;
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

  override dispose(): void {
    this.#program.dispose();
    dispose([this.#layers.stem, this.#layers.segments, this.#layers.classifier]);
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
