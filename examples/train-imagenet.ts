/**
 * Trains a network, a MoBiNet if no other is named, on images, saves it with 1-bit weights, loads it again and checks that both agree.
 *
 *     node examples/train-imagenet.js                                     the embedded images, in some 15 seconds
 *     node examples/train-imagenet.js --data photos --preset imagenet     your own, as photos/{train,val}/<class>/*, or photos/<class>/*
 *     node examples/train-imagenet.js --help
 *
 * The embedded images are 2,500 of Fashion-MNIST (see its NOTICE.md). For the same steps in code, see 05-train-in-code.ts.
 */
import { fileURLToPath } from 'node:url';
import { runProgram, trainCommand } from 'mobinet/cli';

const embedded = fileURLToPath(new URL('./data/fashion-mnist-subset', import.meta.url));

await runProgram((network) =>
  trainCommand('node examples/train-imagenet.js', { network, data: embedded, preset: 'small' }),
);
