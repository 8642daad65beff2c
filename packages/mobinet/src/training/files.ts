import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { noGradient } from '@mobinet/autograd';
import { decodeSafetensorsMetadata, dispose, type Shape, withBackend } from '@mobinet/tensor/functions';
import { checkArgument, checkKinds, kinds } from '../data/arguments.js';
import type { BatchLoader } from '../data/batch-loader.js';
import { DataError } from '../data/errors.js';
import { readBytes } from '../data/read-bytes.js';
import { untilAborted } from '../data/until-aborted.js';
import { checkpointFormat } from '../export/checked-file.js';
import { type ExportOptions, packModel } from '../export/pack.js';
import { type PackedModel, unpackModel } from '../export/packed-model.js';
import { saveFile } from '../files/save-file.js';
import type { ImageOptions } from '../networks/options.js';
import { decodeCheckpoint } from './checkpoint.js';
import { type EvaluateOptions, evaluateKinds } from './evaluate.js';
import { disposeRun, evaluatedModel, type TrainingRun } from './run.js';
import { checkpointFile } from './run-folder.js';
import { runOnHost } from './run-on-host.js';

/**
 * The file name of the packed model in a run folder.
 *
 * @example
 * ```ts
 * import { join } from 'node:path/posix';
 * import { packedFile } from 'mobinet';
 *
 * console.log(join('runs/photos', packedFile));
 * // → runs/photos/model.mobinet.safetensors
 * ```
 */
export const packedFile = 'model.mobinet.safetensors';

/** The default file name of an ONNX model. */
export const onnxFile = 'model.onnx';

/** Resolves a path to a checkpoint: the file itself, or the checkpoint in a run folder. */
export async function findCheckpoint(path: string): Promise<string> {
  const isFolder = await stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
  return isFolder ? join(path, checkpointFile) : path;
}

/**
 * Reads a training run from a checkpoint or a run folder. Its network must be registered: see `registerNetwork`.
 *
 * @throws FormatError, one line, if the file is not an intact checkpoint; DataError if it cannot be read.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { checkpointFile, encodeCheckpoint, newRun, paperTraining, readCheckpoint, saveFile } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const run = newRun({ width: 0.25, imageSize: 32 }, paperTraining, { classes: ['cat', 'dog'], trainImages: 100 });
 * await saveFile(join(folder, checkpointFile), encodeCheckpoint(run)); // `train` does this
 * const { network, classes, progress } = await readCheckpoint(folder);
 * console.log(`${network.name} for ${classes}, ${progress.epoch} epochs done`);
 * // → mobinet for cat,dog, 0 epochs done
 * await rm(folder, { recursive: true });
 * ```
 */
export async function readCheckpoint(path: string): Promise<TrainingRun> {
  checkArgument('readCheckpoint: the path', path, kinds.path);
  const file = await findCheckpoint(path);
  return decodeCheckpoint(await readBytes(file, 'checkpoint'), file);
}

/** Resolves a path to a network: the file itself, or in a run folder the packed model, else the checkpoint. */
async function findModel(path: string): Promise<string> {
  const files = await readdir(path).catch(() => null);
  if (files === null) return path;
  const file = [packedFile, checkpointFile].find((name) => files.includes(name));
  if (file === undefined) {
    throw new DataError(`${path} is a folder without ${packedFile} or ${checkpointFile}. Pass a run folder or a model`);
  }
  return join(path, file);
}

/** A network that was read: packed, or with its run. */
export type ReadModel = { readonly packed: Uint8Array; readonly file: string } | { readonly run: TrainingRun };

/** Reads a network from a file or a run folder. The contents of the file decide what it is, not its name. */
export async function readModel(path: string): Promise<ReadModel> {
  const file = await findModel(path);
  const bytes = await readBytes(file, 'model');
  const { format } = decodeSafetensorsMetadata(bytes, { source: file });
  return format === checkpointFormat.format ? { run: decodeCheckpoint(bytes, file) } : { packed: bytes, file };
}

/** Reads the bytes of a packed model, or packs the network of a checkpoint. */
export async function readPackedBytes(path: string): Promise<{ bytes: Uint8Array; file: string }> {
  const found = await readModel(path);
  if ('packed' in found) return { bytes: found.packed, file: found.file };
  const run = await runOnHost(found.run);
  try {
    return { bytes: withBackend('cpu', () => packRun(run)), file: path };
  } finally {
    for (const each of new Set([run, found.run])) disposeRun(each);
  }
}

/**
 * Reads a network that is ready to run, from a packed model, a checkpoint or a run folder.
 *
 * @returns The network. A checkpoint is packed first.
 * @throws FormatError, one line, if the file is not an intact packed model or checkpoint; DataError if it cannot be
 *   read.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { createMoBiNet, packedFile, packModel, readPacked, saveFile } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const network = createMoBiNet({ width: 0.25, imageSize: 32, classes: 2 });
 * await saveFile(join(folder, packedFile), packModel(network, { classes: ['cat', 'dog'] }));
 * const { imageShape, info } = await readPacked(folder);
 * console.log(`[${imageShape}] to ${info.classes}`);
 * // → [32,32,3] to cat,dog
 * await rm(folder, { recursive: true });
 * ```
 */
export async function readPacked(path: string): Promise<PackedModel> {
  checkArgument('readPacked: the path', path, kinds.path);
  const { bytes, file } = await readPackedBytes(path);
  return unpackModel(bytes, file);
}

/**
 * Packs the network of a run (`evaluatedModel`) and saves it with `saveFile`.
 *
 * @returns The size of the file in bytes.
 * @throws DataError like `saveFile`; RangeError or TraceError like `packModel`.
 * @example
 * ```ts
 * import { mkdtemp, rm, stat } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { newRun, packedFile, paperTraining, writePacked } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const run = newRun({ width: 0.25, imageSize: 32 }, paperTraining, { classes: ['cat', 'dog'], trainImages: 100 });
 * const bytes = await writePacked(run, join(folder, packedFile));
 * console.log(bytes === (await stat(join(folder, packedFile))).size);
 * // → true
 * await rm(folder, { recursive: true });
 * ```
 */
export async function writePacked(run: TrainingRun, path: string): Promise<number> {
  checkArgument('writePacked: the run', run, kinds.run);
  checkArgument('writePacked: the path', path, kinds.path);
  const bytes = packRun(run);
  await saveFile(path, bytes);
  return bytes.byteLength;
}

const packRun = (run: TrainingRun): Uint8Array => packModel(evaluatedModel(run), exportOptionsOf(run));

/**
 * The options for packing or exporting the network of a run: its image shape, classes and preprocessing.
 *
 * @param run The run.
 *
 * @example
 * ```ts
 * import { exportOptionsOf, newRun, paperTraining } from 'mobinet';
 *
 * const run = newRun({ width: 0.25, imageSize: 32 }, paperTraining, { classes: ['cat', 'dog'], trainImages: 100 });
 * const { imageShape, classes, preprocessing } = exportOptionsOf(run);
 * console.log(`[${imageShape}], ${classes}, scaled to ${preprocessing?.resize} pixels`);
 * // → [32,32,3], cat,dog, scaled to 256 pixels
 * ```
 */
export function exportOptionsOf(run: TrainingRun): ExportOptions {
  checkArgument('exportOptionsOf: the run', run, kinds.run);
  const { options, classes, training } = run;
  const { resize, normalization } = training;
  return { imageShape: imageShapeOf(options), classes, preprocessing: { resize, normalization } };
}

/** [height, width, channels] of an image. */
export const imageShapeOf = ({ imageSize }: ImageOptions): Shape => [imageSize, imageSize, 3];

/** How well a packed network agrees with the network it was made from. */
export interface Agreement {
  /** The number of images compared. */
  readonly images: number;
  /** max |logit of the trained network − logit of the packed one| */
  readonly largestDifference: number;
}

/**
 * Compares a packed network with the network it was made from, on all images of a loader. Leaves the latter in
 * evaluation mode.
 *
 * @param run The run that trained the network.
 * @param packed The network of its packed file.
 * @param loader Images of the size and preprocessing of the network.
 * @throws The signal's reason when it aborts.
 * @example
 * ```ts
 * import { Rng } from '@mobinet/tensor';
 * import { comparePacked, ImageLoader, imagesFromArrays } from 'mobinet';
 * import { newRun, packModel, paperTraining, unpackModel } from 'mobinet';
 *
 * const run = newRun({ width: 0.25, imageSize: 32 }, paperTraining, { classes: ['dark', 'bright'], trainImages: 4 });
 * const packed = unpackModel(packModel(run.model));
 *
 * const pixels = new Uint8Array(4 * 32 * 32 * 3).fill(200, 2 * 32 * 32 * 3);
 * const images = imagesFromArrays({ height: 32, width: 32, pixels, labels: [0, 0, 1, 1] });
 * const loader = new ImageLoader(images, { batchSize: 4, size: 32, rng: Rng.fromSeed(0) });
 * console.log(await comparePacked(run, packed, loader));
 * // → { images: 4, largestDifference: 0 }
 * await loader.close();
 * ```
 */
export async function comparePacked(
  run: TrainingRun,
  packed: PackedModel,
  loader: BatchLoader,
  options: EvaluateOptions = {},
): Promise<Agreement> {
  checkArgument('comparePacked: the run', run, kinds.run);
  checkArgument('comparePacked: the packed network', packed, kinds.module);
  checkArgument('comparePacked: the loader', loader, kinds.loader);
  checkKinds('comparePacked', options, evaluateKinds);
  const { signal, onProgress, onBatch } = options;
  const model = evaluatedModel(run).eval();
  let images = 0;
  let largestDifference = 0;
  for await (const batch of untilAborted(loader.epoch(0), signal)) {
    const [trained, restored] = noGradient(() => [model.forward(batch.images), packed.forward(batch.images)]);
    trained.values.forEach((logit, at) => {
      largestDifference = Math.max(largestDifference, Math.abs(logit - restored.values[at]));
    });
    await onBatch?.(batch, restored);
    images += batch.count;
    dispose([batch, trained, restored]);
    onProgress?.(images);
  }
  signal?.throwIfAborted();
  return { images, largestDifference };
}
