/**
 * Checks that Fashion-MNIST is installed, and prints how to get it or how to train on it.
 *
 *     npm run data
 *     npm run data -- --idx FOLDER
 */
import { debianFolder, openFashionMnist } from './lib/data.js';
import { parseFlags } from './lib/flags.js';

const { idx } = parseFlags({ idx: { type: 'string', default: debianFolder } });
const { classes, train, val } = openFashionMnist(idx);
const flag = idx === debianFolder ? '' : ` -- --idx ${idx}`;
console.log(`${idx} contains ${train.length} training and ${val.length} validation images of ${classes.length} classes.

Train a network on them:
  npx mobinet train --idx ${idx}

Reproduce docs/fashion-mnist.md and docs/ablation.md:
  npm run fashion-mnist${flag}
  npm run ablation${flag}`);
