import { Module } from '@mobinet/autograd';
import {
  type BitTensor,
  checkFunction,
  checkOptions,
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
} from '@mobinet/tensor/functions';
import { type Layer, layersOf, type ReadyProgram, type TensorFunction, twinOf } from '@mobinet/tensor/kernels';
import { messageOf, oneLine } from '../data/errors.js';
import { type Preprocessing, prepareImages } from '../data/prepare.js';
import { readBytes } from '../data/read-bytes.js';
import type { Image } from '../data/source.js';
import { BatchProgram } from './batch-program.js';
import { decodeChecked, packedFormat } from './checked-file.js';
import { checkFinite } from './metadata.js';
import { checkImageMemory, withProgram } from './network-program.js';
import { decodeInfo, defaultPreprocessing, type PackedInfo } from './packed-info.js';
import type { Value } from './portable-ops.js';
import { checkPortable, fromPortable, type PortableProgram, portableConstants } from './portable-program.js';
import { mostProbable, type Prediction } from './prediction.js';

/**
 * The network of a packed file. On the CPU its logits equal those of the trained network in evaluation mode, bit for
 * bit. It runs on the backend of its images. `unpackModel` and `loadPacked` make one.
 *
 * @example
 * ```ts
 * import { createMoBiNet, packModel, unpackModel } from 'mobinet';
 *
 * const network = createMoBiNet({ width: 0.25, imageSize: 32, classes: 3 });
 * const packed = unpackModel(packModel(network, { classes: ['cat', 'dog', 'owl'] }));
 * const image = { height: 48, width: 64, pixels: new Uint8Array(48 * 64 * 3) };
 * const [classes] = await packed.predict([image]);
 * const total = classes.reduce((sum, { probability }) => sum + probability, 0);
 * console.log(`${classes.length} classes, probabilities add up to ${total.toFixed(3)}`);
 * // → 3 classes, probabilities add up to 1.000
 * packed.dispose();
 * ```
 */
export class PackedModel extends Module {
  /** The classes and the preprocessing, as far as the file has them. */
  readonly info: PackedInfo;
  /** [height, width, channels] of an image. */
  readonly imageShape: Shape;
  /** The number of classes. */
  readonly classCount: number;
  readonly #forward: TensorFunction;
  readonly #program: BatchProgram;
  readonly #constants: ReadonlyMap<string, Value>;

  /** @internal Takes ownership of the constants. */
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

  /** How images are prepared for the network: as its file says, else the default. */
  get preprocessing(): Preprocessing {
    return this.info.preprocessing ?? defaultPreprocessing(this.imageShape[0]);
  }

  /** Images [batch, height, width, channels] to logits [batch, classes]. */
  override forward(x: Tensor): Tensor {
    if (isTracing()) return this.#forward(x) as Tensor;
    return this.#program.for(x).run([x])[0] as Tensor;
  }

  /**
   * Like `forward`, and calls `onLayer` after each layer. On a GPU the layer has only been submitted by then; awaiting
   * `data()` of its signs waits for the result.
   *
   * @param x [batch, height, width, channels]
   * @param onLayer Gets the name of the layer, its time and its signs.
   * @returns Logits [batch, classes].
   */
  watch(x: Tensor, onLayer: (layer: LayerReport) => void): Tensor {
    checkFunction('watch', onLayer);
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

  /**
   * The program that runs for batches like x. The network owns it and replaces it when the batch size changes.
   *
   * @param x Images, or what is known of them.
   * @param x.shape [batch, height, width, channels].
   * @param x.backend Where they are.
   */
  programFor(x: { readonly shape: Shape; readonly backend: Tensor['backend'] }): ReadyProgram {
    return this.#program.for(x);
  }

  /**
   * The most probable classes of each image, on the current backend, most probable first.
   *
   * @param images RGB images of any size.
   * @param options Optional.
   * @param options.top How many classes to return for each image. Default 5.
   * @returns As many lists as images.
   * @throws RangeError or TypeError, one line, for a value that is not an image.
   */
  async predict(images: readonly Image[], options: { top?: number } = {}): Promise<Prediction[][]> {
    checkOptions('predict', options, ['top']);
    const { top = 5 } = options;
    const [size] = this.imageShape;
    const probabilities = tidy(() => softmax(this.forward(prepareImages(images, this.preprocessing, size))));
    const values = await probabilities.data();
    probabilities.dispose();
    const { classCount } = this;
    return images.map((_, image) =>
      mostProbable(values.subarray(image * classCount, (image + 1) * classCount), this.info.classes, top),
    );
  }

  /** Frees the tensors of the network and the memory of its program. */
  override dispose(): void {
    this.#program.dispose();
    dispose(this.#constants);
  }
}

/** One layer of a run, as `PackedModel.watch` reports it. */
export interface LayerReport {
  /** Index among the layers of `programFor(x).program`. */
  readonly index: number;
  /** Its name, that of its weights in the trained network, such as `units.3.depthwise`. */
  readonly name: string;
  /** Running time; on a GPU, the time that submitting the layer took. */
  readonly milliseconds: number;
  /**
   * The signs passed to the next layer, [batch, height, width, channels], or null if the layer outputs floats. Later
   * layers overwrite them.
   */
  readonly signs: BitTensor | null;
}

/** The last signs that a layer makes, or null. */
function signsOf(ready: ReadyProgram, { from, to }: Layer): BitTensor | null {
  const { calls, values } = ready.program;
  const made = calls.slice(from, to).flatMap(({ outputs }) => outputs);
  const signs = made.findLast((value) => values[value].dtype === 'bits');
  return signs === undefined ? null : (ready.tensor(signs) as BitTensor);
}

/**
 * Decodes a packed file into a network that is ready to run. The whole file is checked before it takes memory.
 *
 * @param bytes The contents of the file.
 * @param source The name of the file in error messages. Default: `'packed model'`.
 * @throws FormatError, one line that names the tensor or the node, if it is not an intact packed file.
 * @example
 * ```ts
 * import { FormatError } from '@mobinet/tensor';
 * import { createMoBiNet, packModel, unpackModel } from 'mobinet';
 *
 * const bytes = packModel(createMoBiNet({ width: 0.25, imageSize: 32, classes: 3 }));
 * console.log(unpackModel(bytes).classCount);
 *
 * bytes[bytes.length - 1] ^= 1; // one wrong bit
 * try {
 *   unpackModel(bytes);
 * } catch (error) {
 *   console.log(error instanceof FormatError);
 * }
 * // → 3
 * // → true
 * ```
 */
export function unpackModel(bytes: Uint8Array, source = 'packed model'): PackedModel {
  return withBackend('cpu', () => {
    const { tensors, metadata } = decodeChecked(bytes, packedFormat, source);
    try {
      return tidy(() => {
        for (const [name, tensor] of tensors) checkFinite(name, tensor, source);
        if (metadata.program === undefined) throw new RangeError('its metadata has no program');
        const program: unknown = JSON.parse(metadata.program);
        checkPortable(program);
        const constants = portableConstants(program, tensors);
        const classCount = checkNodes(program, constants);
        const info = decodeInfo(metadata, classCount);
        const [height, width, channels] = program.images;
        if (info.preprocessing && (height !== width || channels !== 3)) {
          throw new RangeError('preprocessing requires square images with three channels');
        }
        // Handles of their own, since the file's tensors are disposed below.
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

/** Checks all nodes by tracing them, which computes nothing. @returns The number of classes. */
function checkNodes(program: PortableProgram, constants: ReadonlyMap<string, Value>): number {
  const forward = fromPortable(program, constants) as (images: Tensor) => Tensor;
  const classCount = withProgram({ forward, imageShape: program.images }, (traced) => {
    checkImageMemory(traced);
    return traced.values[traced.outputs[0]].shape[1];
  });
  const used = new Set(program.nodes.flatMap(([, inputs]) => inputs));
  for (const name of constants.keys()) {
    if (!used.has(name)) throw new RangeError(`tensor ${name} is not used by any node`);
  }
  return classCount;
}

/**
 * Loads a packed network from bytes, a URL or a path, and starts the threads that it runs on. On a web page, a path is
 * a URL relative to the page.
 *
 * @throws FormatError like `unpackModel`; Error, one line, if the file cannot be read.
 * @example
 * ```ts
 * import { createMoBiNet, loadPacked, packModel } from 'mobinet';
 *
 * const bytes = packModel(createMoBiNet({ width: 0.25, imageSize: 32, classes: 3 }));
 * const model = await loadPacked(bytes); // or 'pets.mobinet.safetensors', or a URL
 * console.log(`[${model.imageShape}] to ${model.classCount} classes`);
 * // → [32,32,3] to 3 classes
 * ```
 */
export async function loadPacked(source: Uint8Array | string | URL): Promise<PackedModel> {
  const threads = setThreads(threadCount());
  const isBytes = source instanceof Uint8Array;
  const model = isBytes ? unpackModel(source) : unpackModel(await readBytes(source, 'model'), String(source));
  // Threads start asynchronously: without this wait, a caller that predicts in a synchronous loop would never get them.
  await threads;
  return model;
}
