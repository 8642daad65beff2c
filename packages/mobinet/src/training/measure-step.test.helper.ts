/**
 * Measures how far memory grows in training, in a thread of its own, where it starts empty. Posts the size of the
 * memory in bytes after two steps.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { dispose, Rng, setThreads, tensor, tidy } from '@mobinet/tensor';
import { bytesAt } from '@mobinet/tensor/kernels';
import { cutBatch } from '../data/micro-batches.js';
import { LocalUpdate } from '../distributed/parameter-update.js';
import { Team } from '../distributed/team.js';
import { packModel } from '../export/pack.js';
import { type PackedModel, unpackModel } from '../export/packed-model.js';
import { createMoBiNet } from '../networks/mobinet/mobinet.js';
import type { MoBiNetOptions } from '../networks/mobinet/options.js';
import { distillationDefaults } from './distillation.js';
import { paperTraining, type TrainingOptions } from './options.js';
import { newRun } from './run.js';
import { Snapshot } from './snapshot.js';
import { trainStep } from './step.js';

export interface MeasuredStep {
  readonly options: Partial<MoBiNetOptions>;
  readonly training: Pick<TrainingOptions, 'optimizer' | 'batchSize' | 'microBatches' | 'ema'>;
  /** Whether its float twin is its teacher. */
  readonly hasTeacher: boolean;
}

const { options, training, hasTeacher } = workerData as MeasuredStep;
await setThreads(1);
const classes = ['cat', 'dog', 'owl'];
const settings = { ...paperTraining, ...training, ...(hasTeacher && { distillation: distillationDefaults }) };
const run = newRun(options, settings, { classes, trainImages: training.batchSize });
const teacher = hasTeacher ? packedTwin() : undefined;
const statistics = new Snapshot(run.model.state().values());
const work = { team: new Team(), update: new LocalUpdate(run), counts: [training.batchSize], statistics };
const size = run.options.imageSize;
for (let step = 0; step < 2; step++) {
  const parts = tidy(() =>
    cutBatch(training.batchSize, training).map(([from, to]) => {
      const count = to - from;
      const images = Rng.fromSeed(from).normal([count, size, size, 3]);
      const indices = Int32Array.from({ length: count }, (_, at) => from + at);
      return { index: step, images, labels: tensor(new Int32Array(count), { dtype: 'i32' }), indices, count };
    }),
  );
  await trainStep(run, { index: step, parts }, { learningRate: 1e-3, teacher, ...work });
  dispose(parts);
}
parentPort!.postMessage(bytesAt(0, 0).buffer.byteLength);

function packedTwin(): PackedModel {
  const twin = createMoBiNet({ ...options, classes: classes.length, precision: 'float' });
  const bytes = packModel(twin);
  twin.dispose();
  return unpackModel(bytes);
}
