/**
 * Trains small runs on the ranks that MPI has started, one after the other: a job for each argument after the folder of
 * the images and the folder for the runs. Without MPI, on a single process.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  AdamW,
  BatchNorm2d,
  Conv2d,
  Dropout,
  GlobalAveragePool2d,
  Linear,
  Module,
  Sequential,
} from '@mobinet/autograd';
import {
  add,
  assign,
  type BackendName,
  mean,
  Rng,
  scalar,
  setThreads,
  type Tensor,
  tidy,
  useBackend,
} from '@mobinet/tensor';
import { randomCropAndFlip } from '../data/augment.js';
import { hashOf } from '../data/fingerprint.js';
import { openImageFolder } from '../data/image-folder.js';
import { openCommunicator } from '../distributed/open-communicator.js';
import { Team } from '../distributed/team.js';
import { defineNetwork } from '../networks/network.js';
import { packedFile, readCheckpoint, writePacked } from './files.js';
import { paperTraining, type TrainingOptions } from './options.js';
import { newRun } from './run.js';
import { runOnHost } from './run-on-host.js';
import { train } from './train.js';

/** A training to do. */
export interface Job {
  /** The name of its run, which is the folder. */
  readonly name: string;
  readonly training?: Partial<TrainingOptions>;
  /** Whether the run continues from its checkpoint. */
  readonly resumes?: boolean;
  /** Stops after so many steps of this process. The last rank is the one that is asked to. */
  readonly stopsAfter?: number;
  /** With the exchange `signs`: the number of exact steps. */
  readonly exactSteps?: number;
  /** A network other than the default: one that counts its steps in a tensor, or one with two layers of dropout. */
  readonly network?: keyof typeof networks;
  /** Whether the optimizer has groups, which look at the names and the shapes of parameters. */
  readonly grouped?: boolean;
  /** Default: the CPU. */
  readonly backend?: BackendName;
}

/** A network that keeps a count which is not a running statistic. */
class CountingNetwork extends Module {
  readonly steps = scalar(0);
  readonly classifier: Linear;

  constructor(classes: number) {
    super();
    this.classifier = new Linear(3, classes, { rng: Rng.fromSeed(0) });
  }

  override forward(images: Tensor): Tensor {
    if (this.training) tidy(() => assign(this.steps, add(this.steps, 1)));
    return this.classifier.forward(mean(images, { axes: [1, 2] }));
  }
}

const counting = defineNetwork({
  name: 'counting',
  make: ({ classes }) => new CountingNetwork(classes),
});

const dropping = defineNetwork({
  name: 'dropping',
  make({ classes, seed }) {
    const rng = Rng.fromSeed(seed);
    const drop = new Dropout(0.3, { rng });
    // One of them is called twice.
    const layers = [new Conv2d(3, 8, { stride: 2, rng }), drop, new BatchNorm2d(8), drop, new Dropout(0.5, { rng })];
    return new Sequential(...layers, new GlobalAveragePool2d(), new Linear(8, classes, { rng }));
  },
});

const networks = { counting, dropping };

const [images, out, ...jobs] = process.argv.slice(2);
await setThreads(1);
const communicator = await openCommunicator();
const dataset = openImageFolder(images, { maxSkipped: 1, onWarning: () => {} });
for (const text of jobs) {
  const job: Job = JSON.parse(text);
  await useBackend(job.backend ?? 'cpu');
  const folder = join(out, job.name);
  const run = job.resumes ? await readCheckpoint(folder) : start(job);
  const controller = new AbortController();
  let steps = 0;
  const { finished, skippedImages } = await train(run, dataset, {
    out: folder,
    communicator,
    workers: 1,
    maxSkipped: 1,
    exactSteps: job.exactSteps,
    signal: controller.signal,
    onWarning: (message) => console.error(message),
    onStep: () => {
      if (++steps === job.stopsAfter && communicator.rank === communicator.size - 1) controller.abort();
    },
  });
  const weights = await new Team(communicator).all(() => hashOfWeights(run.model));
  const same = new Set(weights).size === 1;
  if (communicator.rank === 0) {
    if (finished) await writePacked(await runOnHost(run), join(folder, packedFile));
    console.log(JSON.stringify({ name: job.name, finished, skippedImages, same }));
  }
}
communicator.close();

async function hashOfWeights(model: Module): Promise<string> {
  const values = await Promise.all(Array.from(model.parameters().values(), (parameter) => parameter.data()));
  return hashOf(values.map(({ buffer }) => new Uint8Array(buffer)));
}

/** AdamW that trains filters faster than vectors, and the last layer without decay. */
function makeGrouped(): AdamW {
  return new AdamW({
    groups: [
      { matches: (path) => path.startsWith('classifier.') && path.endsWith('weight'), weightDecay: 0 },
      { matches: (_path, { rank }) => rank === 4, learningRateFactor: 2, weightDecay: 0.1 },
    ],
  });
}

function start({ name, training, network, grouped }: Job) {
  mkdirSync(join(out, name), { recursive: true });
  const run = newRun(
    network ? { imageSize: 32 } : { width: 0.0625, k: 1, imageSize: 32 },
    {
      ...paperTraining,
      epochs: 2,
      batchSize: 10,
      microBatches: 4,
      learningRate: 2e-3,
      schedule: 'one-cycle',
      resize: 32,
      augment: { ...randomCropAndFlip, padding: 2 },
      ...training,
    },
    { classes: dataset.classes, trainImages: dataset.train.length, ...(network && { network: networks[network] }) },
  );
  return grouped ? { ...run, optimizer: makeGrouped() } : run;
}
