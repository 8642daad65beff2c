import { Module } from '@mobinet/autograd';
import {
  type BitTensor,
  dispose,
  FormatError,
  isTracing,
  keep,
  type Shape,
  setThreads,
  softmax,
  type Tensor,
  threadCount,
  tidy,
  withBackend,
} from '@mobinet/tensor';
import { type Layer, layersOf, type ReadyProgram, type TensorFunction, twinOf } from '@mobinet/tensor/kernels';
import { messageOf, oneLine } from '../data/errors.js';
import { type Preprocessing, prepareImages } from '../data/prepare.js';
import { readBytes } from '../data/read-bytes.js';
import type { Image } from '../data/source.js';
import { BatchProgram } from './batch-program.js';
import { decodeChecked, packedFormat } from './checked-file.js';
import { checkFinite } from './metadata.js';
import { checkImageMemory, withProgram } from './network-program.js';
import { decodeInfo, type PackedInfo, usualPreprocessing } from './packed-info.js';
import type { Value } from './portable-ops.js';
import { checkPortable, fromPortable, type PortableProgram, portableConstants } from './portable-program.js';
import { mostProbable, type Prediction } from './prediction.js';

/**
 * The network of a packed file. On the CPU its logits are those of the trained network in evaluation, bit for bit: both calculate the same,
 * number by number. It runs where its images are.
 */
export class PackedModel extends Module {
  readonly info: PackedInfo;
  /** [height, width, channels] of an image. */
  readonly imageShape: Shape;
  /** How many classes it tells apart. */
  readonly classCount: number;
  readonly #forward: TensorFunction;
  readonly #program: BatchProgram;
  readonly #constants: ReadonlyMap<string, Value>;

  /** @internal Takes over the constants of a program. */
  constructor(program: PortableProgram, constants: ReadonlyMap<string, Value>, info: PackedInfo, classCount: number) {
    super();
    this.info = info;
    this.imageShape = program.images;
    this.classCount = classCount;
    this.#constants = keep(constants);
    this.#forward = fromPortable(program, constants);
    this.#program = new BatchProgram(this.#forward, program.images);
    this.eval();
  }

  /** How images are made ready for it: as its file says, or else as usual. */
  get preprocessing(): Preprocessing {
    return this.info.preprocessing ?? usualPreprocessing(this.imageShape[0]);
  }

  /** Images [batch, height, width, channels] to logits [batch, classes]. */
  override forward(x: Tensor): Tensor {
    if (isTracing()) return this.#forward(x) as Tensor;
    return this.#program.for(x).run([x])[0] as Tensor;
  }

  /** Like `forward`, and tells of each layer once it is done, or on a GPU once it is asked for: ask for its signs' `data()` there. */
  watch(x: Tensor, onLayer: (layer: LayerReport) => void): Tensor {
    const ready = this.#program.for(x);
    const layers = layersOf(ready.program);
    let start = performance.now();
    const [logits] = ready.run([x], (call) => {
      const index = layers.findIndex(({ to }) => to === call + 1);
      if (index < 0) return;
      const { name } = layers[index];
      onLayer({ index, name, milliseconds: performance.now() - start, signs: signsOf(ready, layers[index]) });
      start = performance.now();
    });
    return logits as Tensor;
  }

  /** The program that runs for batches like x. It belongs to the network. */
  programFor(x: { readonly shape: Shape; readonly backend: Tensor['backend'] }): ReadyProgram {
    return this.#program.for(x);
  }

  /**
   * The most probable classes of each image, wherever the network is.
   * @param images Of any size, with three colours. @param options.top How many classes. Default 5.
   */
  async predict(images: readonly Image[], { top = 5 }: { top?: number } = {}): Promise<Prediction[][]> {
    const [size] = this.imageShape;
    const probabilities = tidy(() => softmax(this.forward(prepareImages(images, this.preprocessing, size))));
    const values = await probabilities.data();
    probabilities.dispose();
    const { classCount } = this;
    return images.map((_, image) =>
      mostProbable(values.subarray(image * classCount, (image + 1) * classCount), this.info.classes, top),
    );
  }

  override dispose(): void {
    this.#program.dispose();
    dispose(this.#constants);
  }
}

/** What a layer did in one run. */
export interface LayerReport {
  /** Its place among the layers of `programFor(x).program`. */
  readonly index: number;
  readonly name: string;
  /** On a GPU, of asking for it. */
  readonly milliseconds: number;
  /** The signs that it hands to the next layer, [batch, height, width, channels], overwritten later; null where it hands on floats. */
  readonly signs: BitTensor | null;
}

/** The last signs that a layer has made. */
function signsOf(ready: ReadyProgram, { from, to }: Layer): BitTensor | null {
  const { calls, values } = ready.program;
  const made = calls.slice(from, to).flatMap(({ outputs }) => outputs);
  const signs = made.findLast((value) => values[value].dtype === 'bits');
  return signs === undefined ? null : (ready.tensor(signs) as BitTensor);
}

/**
 * Makes a packed file ready to run. Nothing of its memory is taken before all of it was checked.
 *
 * @param source What errors call the file.
 * @throws FormatError, one line that names the tensor or the node, if it is none, or not a whole one.
 */
export function unpackModel(bytes: Uint8Array, source = 'packed model'): PackedModel {
  return withBackend('cpu', () => {
    const { tensors, metadata } = decodeChecked(bytes, packedFormat, source);
    try {
      return tidy(() => {
        for (const [name, tensor] of tensors) checkFinite(name, tensor, source);
        if (metadata.program === undefined) throw new RangeError('its metadata have no program');
        const program: unknown = JSON.parse(metadata.program);
        checkPortable(program);
        const constants = portableConstants(program, tensors);
        const classCount = checkedRun(program, constants);
        const info = decodeInfo(metadata, classCount);
        const [height, width, channels] = program.images;
        if (info.preprocessing && (height !== width || channels !== 3)) {
          throw new RangeError('only square images of three colours are prepared');
        }
        // What the file's tensors are, the constants are other handles on.
        const own = new Map(Array.from(constants, ([name, constant]) => [name, twinOf(constant)]));
        return new PackedModel(program, own, info, classCount);
      });
    } catch (error) {
      throw error instanceof FormatError ? error : new FormatError(oneLine(`${source}: ${messageOf(error)}`));
    } finally {
      dispose(tensors);
    }
  });
}

/** Goes through all nodes without calculating anything. @returns The number of classes. */
function checkedRun(program: PortableProgram, constants: ReadonlyMap<string, Value>): number {
  const forward = fromPortable(program, constants) as (images: Tensor) => Tensor;
  const classCount = withProgram({ forward, imageShape: program.images }, (traced) => {
    checkImageMemory(traced);
    return traced.values[traced.outputs[0]].shape[1];
  });
  const read = new Set(program.nodes.flatMap(([, inputs]) => inputs));
  for (const name of constants.keys()) if (!read.has(name)) throw new RangeError(`tensor ${name} is read by no node`);
  return classCount;
}

/**
 * Loads a packed network: from bytes, from a URL, or from a path. On a web page, a path is a URL relative to the page.
 * @throws FormatError as `unpackModel`; Error, one line, if there is no such file.
 */
export async function loadPacked(source: Uint8Array | string | URL): Promise<PackedModel> {
  // Threads start between calls. A program that predicts again and again, and never waits, would not have them.
  await setThreads(threadCount());
  if (source instanceof Uint8Array) return unpackModel(source);
  return unpackModel(await readBytes(source, 'model'), String(source));
}
