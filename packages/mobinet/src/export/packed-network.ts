import { Module } from '@mobinet/autograd';
import {
  dispose,
  FormatError,
  keep,
  type Shape,
  ShapeError,
  setThreads,
  softmax,
  type Tensor,
  threadCount,
  tidy,
  type UnsharedBytes,
  withBackend,
} from '@mobinet/tensor';
import { placedBytes } from '@mobinet/tensor/kernels';
import { messageOf, oneLine } from '../data/errors.js';
import { checkPreprocessing, type Preprocessing, prepareImages } from '../data/prepare.js';
import { readBytes } from '../data/read-bytes.js';
import { type Image, largestSide } from '../data/source.js';
import { BatchProgram } from './batch-program.js';
import { decodeChecked, encodeChecked, networkFormat } from './checked-file.js';
import { checkClasses, checkFinite } from './metadata.js';
import { inEvaluation, withProgram } from './network-program.js';
import { usualPreprocessing } from './packed-format.js';
import type { Value } from './portable-ops.js';
import {
  checkPortable,
  fromPortable,
  type PortableProgram,
  portableConstants,
  toPortable,
} from './portable-program.js';
import { mostProbable, type Prediction } from './prediction.js';

/** What a packed network says of itself, beside what it does. */
export interface NetworkInfo {
  /** Names of the classes, in the order of the logits. */
  readonly classes?: readonly string[];
  /** How images are made ready for it. */
  readonly preprocessing?: Preprocessing;
}

/**
 * Any network of images as a file, to be run without the code that made it: what its `forward` does in evaluation, call by call, and
 * its tensors, with one bit for each binary weight. Latent weights and all that training needs stay behind.
 *
 * ```ts
 * await saveFile('mine.mobinet.safetensors', packNetwork(network, { imageShape: [32, 32, 3], classes }));
 * ```
 *
 * @param options.imageShape [height, width, channels] of an image.
 * @throws RangeError, one line, for an op that has no place in such a file; TraceError for what cannot be written down (`trace`).
 */
export function packNetwork(
  network: Module,
  { imageShape, classes, preprocessing }: NetworkInfo & { readonly imageShape: Shape },
): UnsharedBytes {
  return inEvaluation(network, () =>
    withProgram(
      (images) => network.forward(images),
      imageShape,
      (program) => {
        const [, count] = classesOf(program.values[program.outputs[0]].shape);
        if (classes) checkClasses(classes, count);
        if (preprocessing) checkPreprocessing(preprocessing);
        const portable = toPortable(program);
        return encodeChecked(networkFormat, portable.tensors, {
          program: JSON.stringify(portable.program),
          ...(classes && { classes: JSON.stringify(classes) }),
          ...(preprocessing && { preprocessing: JSON.stringify(preprocessing) }),
        });
      },
    ),
  );
}

/** @throws ShapeError unless a result is [batch, classes]. */
function classesOf(shape: Shape): Shape {
  if (shape.length === 2) return shape;
  throw new ShapeError('packNetwork', 'the result must be logits', [{ name: 'result', shape, note: 'batch, classes' }]);
}

/** A network of a packed file. On the CPU its logits are those of the trained network in evaluation, bit for bit. */
export class PackedNetwork extends Module {
  readonly info: NetworkInfo;
  /** [height, width, channels] of an image. */
  readonly imageShape: Shape;
  /** How many classes it tells apart. */
  readonly classCount: number;
  readonly #program: BatchProgram;
  readonly #constants: ReadonlyMap<string, Value>;

  /** Takes over the constants of a program. */
  constructor(program: PortableProgram, constants: ReadonlyMap<string, Value>, info: NetworkInfo, classCount: number) {
    super();
    this.info = info;
    this.imageShape = program.images;
    this.classCount = classCount;
    this.#constants = keep(constants);
    this.#program = new BatchProgram(fromPortable(program, constants), program.images);
    this.eval();
  }

  /** How images are made ready for it: as its file says, or else as usual. */
  get preprocessing(): Preprocessing {
    return this.info.preprocessing ?? usualPreprocessing({ imageSize: this.imageShape[0] });
  }

  /** Images [batch, height, width, channels] to logits [batch, classes]. */
  override forward(x: Tensor): Tensor {
    return this.#program.for(x).run([x])[0] as Tensor;
  }

  /** The most probable classes of each image, wherever the network is. @param options.top How many of them. */
  async predict(images: readonly Image[], { top = 5 }: { top?: number } = {}): Promise<Prediction[][]> {
    const probabilities = tidy(() =>
      softmax(this.forward(prepareImages(images, this.preprocessing, this.imageShape[0]))),
    );
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

/** What a network may take for one image on its way through, in bytes. Half of that is tight on a phone. */
const largestMemory = 2 ** 30;

/**
 * Makes a packed file ready to run. Nothing of its memory is taken before all of it was checked.
 *
 * @param source What errors call the file.
 * @throws FormatError, one line that names the tensor or the node, if it is none, or not a whole one.
 */
export function unpackNetwork(bytes: Uint8Array, source = 'packed network'): PackedNetwork {
  const fail = (error: unknown): FormatError =>
    error instanceof FormatError ? error : new FormatError(oneLine(`${source}: ${messageOf(error)}`));
  return withBackend('cpu', () => {
    const { tensors, metadata } = decodeChecked(bytes, networkFormat, source);
    try {
      return tidy(() => {
        for (const [name, tensor] of tensors) checkFinite(name, tensor, source);
        const program: unknown = JSON.parse(metadata.program);
        checkPortable(program);
        const constants = portableConstants(program, tensors);
        const classCount = checkedRun(program, constants);
        const info = readInfo(metadata, program, classCount);
        // What the file's tensors are, the constants are other handles on.
        const own = new Map(Array.from(constants, ([name, constant]) => [name, constant.twin() as Value]));
        return new PackedNetwork(program, own, info, classCount);
      });
    } catch (error) {
      throw fail(error);
    } finally {
      dispose(tensors);
    }
  });
}

/** Goes through all nodes without calculating anything. @returns The number of classes. */
function checkedRun(program: PortableProgram, constants: ReadonlyMap<string, Value>): number {
  const [height, width] = program.images;
  if (Math.max(height, width) > largestSide)
    throw new RangeError(`images of ${height} × ${width} pixels are too large`);
  const read = new Set(program.nodes.flatMap(([, inputs]) => inputs));
  for (const name of constants.keys()) if (!read.has(name)) throw new RangeError(`tensor ${name} is read by no node`);
  const forward = fromPortable(program, constants);
  return withProgram(
    (images) => forward(images) as Tensor,
    program.images,
    (traced) => {
      const { dtype, shape } = traced.values[traced.outputs[0]];
      if (dtype !== 'f32' || shape.length !== 2 || shape[0] !== 1) {
        throw new RangeError(`its result is ${dtype} [${shape.join(', ')}], but must be f32 [batch, classes]`);
      }
      const bytes = placedBytes(traced);
      if (!(bytes <= largestMemory)) {
        throw new RangeError(`an image takes ${bytes} bytes on its way through, which is too much`);
      }
      return shape[1];
    },
  );
}

function readInfo(
  { classes, preprocessing }: Record<string, string>,
  { images }: PortableProgram,
  count: number,
): NetworkInfo {
  const info: { classes?: readonly string[]; preprocessing?: Preprocessing } = {};
  if (classes !== undefined) {
    const names: unknown = JSON.parse(classes);
    checkClasses(names, count);
    info.classes = names;
  }
  if (preprocessing !== undefined) {
    const how: unknown = JSON.parse(preprocessing);
    checkPreprocessing(how);
    if (images[0] !== images[1] || images[2] !== 3)
      throw new RangeError('only square images of three colours are prepared');
    info.preprocessing = how;
  }
  return info;
}

/**
 * Loads a packed network: from bytes, from a URL, or from a path. On a web page, a path is a URL relative to the page.
 * @throws FormatError as `unpackNetwork`; Error, one line, if there is no such file.
 */
export async function loadNetwork(source: Uint8Array | string | URL): Promise<PackedNetwork> {
  // Threads start between calls. A program that predicts again and again, and never waits, would not have them.
  await setThreads(threadCount());
  if (source instanceof Uint8Array) return unpackNetwork(source);
  return unpackNetwork(await readBytes(source, 'model'), String(source));
}
