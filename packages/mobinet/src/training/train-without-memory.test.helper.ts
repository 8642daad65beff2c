/**
 * Trains with hardly any memory left, in a thread of its own, since WebAssembly memory is never returned to the system
 * and other tests depend on theirs. Posts the error, and the memory use before and after training.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { dispose, fromHost, memory, type Tensor } from '@mobinet/tensor';
import { messageOf } from '../data/errors.js';
import { openImageFolder } from '../data/image-folder.js';
import { paperTraining } from './options.js';
import { newRun } from './run.js';
import { train } from './train.js';

export interface TrainingWithoutMemory {
  readonly images: string;
  readonly out: string;
}

const { images, out } = workerData as TrainingWithoutMemory;
const dataset = openImageFolder(images);
const run = newRun(
  { width: 0.25, imageSize: 64 },
  { ...paperTraining, batchSize: 24, resize: 64 },
  { classes: dataset.classes, trainImages: dataset.train.length },
);
const before = memory();
const taken = takeAllButAFew();
const message = await train(run, dataset, { out, workers: 1 }).then(() => 'training did not fail', messageOf);
dispose(taken);
parentPort!.postMessage({ message, before, after: memory() });

/** Allocates memory, without writing to it, until no block above 10 MB is available. */
function takeAllButAFew(): Tensor[] {
  const taken: Tensor[] = [];
  for (let bytes = 2 ** 30; bytes > 1e7; ) {
    try {
      taken.push(fromHost('f32', [bytes / 4], () => {}));
    } catch {
      bytes /= 2;
    }
  }
  return taken;
}
