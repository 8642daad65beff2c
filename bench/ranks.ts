import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setThreads, threadCount } from '@mobinet/tensor';
import { Command, Option } from 'commander';
import {
  exchangeNames,
  imagesFromArrays,
  newRun,
  openCommunicator,
  paperTraining,
  type TrainingOptions,
  train,
} from 'mobinet';
import { jsonFlag, printJson, printResult, runProgram, wholeNumber } from 'mobinet/cli';
import { machine } from './machine.js';
import { median } from './median.js';

interface Flags {
  size: number;
  batch: number;
  microBatches?: number;
  classes: number;
  threads?: number;
  steps: number;
  exchange: TrainingOptions['exchange'];
  overlap: boolean;
  json?: boolean;
}

/** Untimed steps, in which kernels are compiled, memory grows, and an exchange of signs begins. */
const warmUpSteps = 4;

const program = new Command('bench:ranks')
  .description(
    'times training steps of MoBiNet Mid, K = 3, at full width, on the processes that MPI has started:\n' +
      'mpirun -n 2 node bench/ranks.js --threads 1',
  )
  .option('--size <pixels>', 'height and width of the images', wholeNumber(1), 96)
  .option('--batch <images>', 'batch size, of all processes together', wholeNumber(1), 16)
  .option('--micro-batches <number>', 'micro-batches of a batch (default: one for each process)', wholeNumber(1))
  .option('--classes <number>', 'number of classes', wholeNumber(2), 1000)
  .option('--threads <number>', 'threads of each process (default: one per processor)', wholeNumber(1))
  .option('--steps <number>', 'number of timed steps', wholeNumber(5), 11)
  .addOption(new Option('--exchange <kind>', 'how gradients are added up').choices(exchangeNames).default('exact'))
  .option('--no-overlap', 'send gradients only when all of them are computed')
  .option(...jsonFlag)
  .action(run);

async function run({ threads = availableParallelism(), steps, json, ...flags }: Flags): Promise<void> {
  const communicator = await openCommunicator();
  await setThreads(threads);
  const { size, batch, classes, exchange, overlap, microBatches = communicator.size } = flags;
  const count = batch * (steps + warmUpSteps);
  const pixels = Uint8Array.from({ length: batch * size * size * 3 }, (_, i) => (i * 2654435761) >>> 24);
  const image = size * size * 3;
  const images = imagesFromArrays({
    height: size,
    width: size,
    // The pictures of a batch are those of every batch.
    pixels: Uint8Array.from({ length: count * image }, (_, i) => pixels[i % pixels.length]),
    labels: Int32Array.from({ length: count }, (_, i) => i % classes),
  });
  const names = Array.from({ length: classes }, (_, i) => String(i));
  const training = { ...paperTraining, epochs: 1, batchSize: batch, microBatches, exchange, resize: size };
  const run = newRun({ imageSize: size }, training, { classes: names, trainImages: count });
  const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
  const ends: number[] = [];
  const stop = new AbortController();
  // The types do not show internal options.
  const internal = { exactSteps: 1, overlap };
  const options = {
    ...internal,
    out: join(folder, 'run'),
    communicator,
    signal: stop.signal,
    onStep: () => {
      if (ends.push(performance.now()) === steps + warmUpSteps) stop.abort();
    },
  };
  await train(run, { classes: names, train: images, val: images }, options);
  communicator.close();
  await rm(folder, { recursive: true });
  const times = ends.slice(warmUpSteps).map((end, i) => end - ends[warmUpSteps + i - 1]);
  const result = {
    ranks: communicator.size,
    library: communicator.library,
    threads: threadCount(),
    ...{ size, batch, microBatches, exchange, overlap, steps },
    fastest: Math.min(...times),
    milliseconds: median(times),
  };
  if (communicator.rank > 0) return;
  if (json) return printJson({ ...result, machine: machine() });
  printResult(
    `${result.ranks} × ${result.threads} threads, batch ${batch}, ${exchange}${overlap ? '' : ', no overlap'}: ` +
      `${result.milliseconds.toFixed(1)} ms/step, fastest ${result.fastest.toFixed(1)} ms, ` +
      `${((1000 * batch) / result.milliseconds).toFixed(1)} images/s`,
  );
}

await runProgram(program);
