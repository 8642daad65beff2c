import { noGradient } from '@mobinet/autograd';
import { dispose, Rng, softmax, tidy } from '@mobinet/tensor';
import { Command } from 'commander';
import { ImageLoader } from '../data/loader.js';
import { mostProbable, type Prediction } from '../export/prediction.js';
import { jsonFlag, wholeNumber } from './flags.js';
import { addKernelFlags } from './kernel-flags.js';
import { addModelFlag, loadModel } from './model-flag.js';
import { printJson, printResult, say } from './output.js';

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

/** `mobinet predict`: the most probable classes of images. */
export function predictCommand(): Command {
  const command = addModelFlag(new Command('predict').description('the most probable classes of images'))
    .argument('<images...>', 'JPEG, PNG or GIF files')
    .option('--top <number>', 'how many classes to show', wholeNumber(1), 5)
    .option('--no-resize', 'refuse images that are not of the size that the network takes, in place of scaling them');
  // A few images are done before a GPU has compiled its kernels.
  return addKernelFlags(command, 'cpu')
    .option(...jsonFlag)
    .addHelpText('after', '\nExample:\n  mobinet predict --model runs/photos/model.mobinet.safetensors cat.jpg dog.png')
    .action(runPrediction);
}

async function runPrediction(images: string[], flags: PredictFlags): Promise<void> {
  const { model, info, preprocessing } = await loadModel(flags.model);
  const source = {
    length: images.length,
    label: () => 0,
    name: (i: number) => images[i],
    image: (i: number) => images[i],
  };
  const loader = new ImageLoader(source, {
    ...preprocessing,
    batchSize: 1,
    size: info.options.imageSize,
    exactSize: !flags.resize,
    isolated: true,
    rng: Rng.fromSeed(0),
    onWarning: (message) => say(`error: ${message}`),
  });
  const predictions: ImagePrediction[] = [];
  try {
    for await (const batch of loader.epoch(0)) {
      const probabilities = tidy(() => softmax(noGradient(() => model.forward(batch.images))));
      const classes = mostProbable(await probabilities.data(), info.classes, flags.top);
      predictions.push({ image: images[batch.index], classes });
      dispose([batch, probabilities]);
    }
  } finally {
    await loader.close();
  }
  if (loader.skipped > 0) process.exitCode = 1;
  if (flags.json) return printJson({ predictions });
  for (const { image, classes } of predictions) {
    printResult(image);
    for (const { name, probability } of classes)
      printResult(`  ${(100 * probability).toFixed(2).padStart(6)} %  ${name}`);
  }
}
