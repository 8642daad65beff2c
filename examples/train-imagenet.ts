/**
 * Trains a network on images (a MoBiNet by default), saves it with 1-bit weights, loads the file and checks that both
 * networks agree.
 *
 *     node examples/train-imagenet.js          trains on the embedded images, in about half a minute
 *     node examples/train-imagenet.js --help
 *
 *     # Your own images, as photos/{train,val}/<class>/* or photos/<class>/*
 *     node examples/train-imagenet.js --data photos
 *
 * The embedded images are 2,500 of Fashion-MNIST (see its NOTICE.md). Chapter 12, in 12-training-run, shows the same
 * steps in code.
 */
import { fileURLToPath } from 'node:url';
import { runProgram, trainCommand } from 'mobinet/cli';

const embedded = fileURLToPath(new URL('./data/fashion-mnist-subset', import.meta.url));

await runProgram((network) =>
  trainCommand('node examples/train-imagenet.js', { network, data: embedded, preset: 'small' }),
);
