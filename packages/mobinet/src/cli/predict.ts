import { noGradient } from '@mobinet/autograd';
import { dispose, Rng, softmax, tidy } from '@mobinet/tensor/functions';
import { Command } from 'commander';
import { startWorkerEarly } from '../data/decode-pool.js';
import { ImageLoader } from '../data/loader.js';
import { printable } from '../data/printable.js';
import { untilAborted } from '../data/until-aborted.js';
import { mostProbable, type Prediction } from '../export/prediction.js';
import { jsonFlag } from './flags.js';
import { isImageUrl, listImageArguments } from './image-arguments.js';
import { addKernelFlags } from './kernel-flags.js';
import { addModelFlag, loadModel } from './model-flag.js';
import { wholeNumber } from './number-flags.js';
import { printResult, say, stdoutHasReader, writeResult } from './output.js';
import { interruptible } from './program.js';

interface PredictFlags {
  model: string;
  top: number;
  resize: boolean;
  json?: boolean;
}

interface ImagePrediction {
  readonly image: string;
  /** Most probable first. */
  readonly classes: readonly Prediction[];
}

/** `mobinet predict`: prints the most probable classes of images. */
export function predictCommand(): Command {
  const command = addModelFlag(new Command('predict').description('print the most probable classes of images'))
    .argument('<images...>', 'JPEG, PNG, GIF, WebP, AVIF or TIFF files, folders of them, globs, or URLs')
    .option('--top <number>', 'number of classes to show', wholeNumber(1), 5)
    .option('--no-resize', "reject images that do not have the network's input size, instead of scaling them");
  // The CPU is done with a few images before a GPU has compiled its kernels.
  return addKernelFlags(command, 'cpu')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
A folder stands for all images in it and its subfolders, found by their extensions and sorted by name. Links are
followed, hidden files ignored. Globs are for shells that do not expand them, or not **: * and ? match within a name,
** any folders, [ab] either letter, {jpg,png} either word. A URL, http or https, must lead to an image of up to 100 MB,
not to a page that shows it.

Each prediction is printed as soon as it is computed. Ctrl-C stops early; with --json, the remaining images are then
listed as "missing".

Examples:
  mobinet predict --model runs/photos/model.mobinet.safetensors cat.jpg dog.png
  mobinet predict --model runs/photos photos
  mobinet predict --model runs/photos --top 1 --json "photos/**/*.jpg"
  mobinet predict --model runs/photos https://example.com/cat.jpg`,
    )
    .action(runPrediction);
}

async function runPrediction(args: readonly string[], flags: PredictFlags): Promise<void> {
  const images = listImageArguments(args, (message) => say(`warning: ${message}`));
  startWorkerEarly();
  const { model, classes: names, imageSize, preprocessing } = await loadModel(flags.model);
  const source = {
    length: images.length,
    label: () => 0,
    name: (i: number) => images[i],
    image: (i: number) => (isImageUrl(images[i]) ? new URL(images[i]) : images[i]),
  };
  const loader = new ImageLoader(source, {
    ...preprocessing,
    batchSize: 1,
    size: imageSize,
    exactSize: !flags.resize,
    // A web page with the same network sees all pixels, too.
    reduce: false,
    isolated: true,
    endsProgram: true,
    // Each image is needed once.
    cacheBytes: 0,
    rng: Rng.fromSeed(0),
    onWarning: (message) => say(`error: ${message}`),
  });
  const printer = new PredictionPrinter(flags.json);
  const { signal, release } = interruptible('stopping …');
  let reached = 0;
  try {
    for await (const batch of untilAborted(loader.epoch(0), signal)) {
      const probabilities = tidy(() => softmax(noGradient(() => model.forward(batch.images))));
      const classes = mostProbable(await probabilities.data(), names, flags.top);
      printer.add({ image: images[batch.index], classes });
      reached = batch.index + 1;
      dispose([batch, probabilities]);
      if (!stdoutHasReader()) break;
    }
  } finally {
    release();
    await loader.close();
    printer.end(signal.aborted ? images.slice(reached) : []);
  }
  signal.throwIfAborted();
  if (loader.skipped > 0) process.exitCode = 1;
}

/** Prints each prediction as soon as it is computed. With --json, they form one object, which `end` completes. */
class PredictionPrinter {
  readonly #json: boolean;
  #count = 0;

  constructor(json = false) {
    this.#json = json;
  }

  add({ image, classes }: ImagePrediction): void {
    if (this.#json) writeResult(`${this.#count === 0 ? head : ','}${printable(JSON.stringify({ image, classes }))}`);
    else {
      const lines = classes.map(
        ({ name, probability }) => `  ${(100 * probability).toFixed(2).padStart(6)} %  ${name}`,
      );
      printResult(image, ...lines);
    }
    this.#count++;
  }

  /** @param missing The images without predictions after an interruption. */
  end(missing: readonly string[]): void {
    if (missing.length > 0) say(`stopped before ${missing[0]} and ${missing.length - 1} more images`);
    if (!this.#json) return;
    writeResult(
      `${this.#count === 0 ? head : ''}]${missing.length > 0 ? `,"missing":${printable(JSON.stringify(missing))}` : ''}}\n`,
    );
  }
}

const head = '{"predictions":[';
