import { readFile } from 'node:fs/promises';
import { spreadOf } from '@mobinet/bench/median';
import { Rng, setThreads } from '@mobinet/tensor';
import { Command, Option } from 'commander';
import { loadPacked } from 'mobinet';
import { printJson, runProgram, wholeNumber } from 'mobinet/cli';
import { peakMemory, timeFor } from './serve.js';

/**
 * One contender of the inference benchmark, in its own process: loads a network, runs it repeatedly on one image of
 * noise, and prints JSON. It imports only what it uses, so that the time to the first prediction is that of a program
 * that does nothing else.
 */

interface Flags {
  engine: keyof typeof engines;
  model: string;
  size: number;
  threads: number;
  seconds: number;
}

/** Loads a network. Returns a function that runs it once and waits until the logits are in memory. */
type Engine = (flags: Flags, noise: (count: number) => Float32Array) => Promise<() => Promise<void>>;

const engines = {
  async ours({ model, size, threads }) {
    await setThreads(threads);
    const network = await loadPacked(model);
    const images = Rng.fromSeed(1).normal([1, size, size, 3]);
    return async () => {
      const logits = network.forward(images);
      await logits.data();
      logits.dispose();
    };
  },

  async web({ model, size, threads }, noise) {
    const ort = await import('onnxruntime-web');
    ort.env.wasm.numThreads = threads;
    const session = await ort.InferenceSession.create(await readFile(model), { executionProviders: ['wasm'] });
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', noise(3 * size * size), [1, 3, size, size]) };
    return async () => void (await session.run(feeds));
  },

  /** TensorFlow.js cannot read ONNX files, so its network has random weights. */
  async tfjs({ size }, noise) {
    const tf = await import('@tensorflow/tfjs');
    const { startTfjs } = await import('./tfjs.js');
    const { tfjsNetwork } = await import('./tfjs-network.js');
    await startTfjs();
    const network = tfjsNetwork({ size, batch: 1, classes: 1000 });
    const pixels = tf.tensor2d(noise(3 * size * size), [size * size, 3]);
    return async () => {
      const logits = tf.tidy(() => network(pixels));
      await logits.data();
      logits.dispose();
    };
  },

  async node({ model, size, threads }, noise) {
    const { default: ort } = await import('onnxruntime-node');
    const session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads, interOpNumThreads: 1 });
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', noise(3 * size * size), [1, 3, size, size]) };
    return async () => void (await session.run(feeds));
  },
} satisfies Record<string, Engine>;

const program = new Command('inference-process')
  .addOption(new Option('--engine <name>').choices(Object.keys(engines)).makeOptionMandatory())
  .option('--model <file>', 'the file that the engine loads', '')
  .requiredOption('--size <pixels>', 'height and width of the image', wholeNumber(1))
  .requiredOption('--threads <number>', 'number of threads', wholeNumber(1))
  .option('--seconds <number>', 'duration of the measurement, after a warm-up of the same duration', wholeNumber(1), 1)
  .action(run);

async function run(flags: Flags): Promise<void> {
  const noise = (length: number): Float32Array => Float32Array.from({ length }, () => Math.random() - 0.5);
  const predict = await engines[flags.engine](flags, noise);
  await predict();
  const firstAt = performance.timeOrigin + performance.now();
  await timeFor(flags.seconds, predict);
  const times = await timeFor(flags.seconds, predict);
  printJson({ ...spreadOf(times), firstAt, mebibytes: peakMemory() });
}

await runProgram(program);
process.exit();
