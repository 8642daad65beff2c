import { spreadOf } from '@mobinet/bench/median';
import * as tf from '@tensorflow/tfjs';
import { Command } from 'commander';
import { printJson, runProgram, wholeNumber } from 'mobinet/cli';
import { peakMemory } from './serve.js';
import { startTfjs } from './tfjs.js';
import { type TfjsShape, tfjsNetwork } from './tfjs-network.js';

/** Times training steps in TensorFlow.js. */

interface Options extends TfjsShape {
  steps: number;
}

function makeStep({ size, batch, classes }: TfjsShape): () => number {
  const network = tfjsNetwork({ size, batch, classes });
  const pixels = tf.randomNormal<tf.Rank.R2>([batch * size * size, 3]);
  const targets = tf.oneHot(
    Array.from({ length: batch }, (_, image) => image % classes),
    classes,
  );
  const optimizer = tf.train.adam(1e-3);
  const loss = (): tf.Scalar => {
    const logits = network(pixels);
    return tf.mean(tf.sub(tf.logSumExp(logits, 1), tf.sum(tf.mul(logits, targets), 1)));
  };
  return () => {
    const value = optimizer.minimize(loss, true)!;
    const [number] = value.dataSync();
    value.dispose();
    return number;
  };
}

const program = new Command('tfjs-step')
  .option('--size <pixels>', 'height and width of the images', wholeNumber(1), 96)
  .option('--batch <images>', 'batch size', wholeNumber(1), 8)
  .option('--classes <number>', 'number of classes', wholeNumber(2), 1000)
  .option('--steps <number>', 'number of timed steps', wholeNumber(1), 2)
  .action(async (options: Options) => {
    await startTfjs();
    const step = makeStep(options);
    step();
    const times = Array.from({ length: options.steps }, () => {
      const start = performance.now();
      step();
      return performance.now() - start;
    });
    printJson({ ...spreadOf(times), mebibytes: peakMemory() });
  });

await runProgram(program);
