/**
 * Looks whether all of Fashion-MNIST is here, and says how to get it or how to train on it.
 *
 *     npm run data
 *     npm run data -- --idx FOLDER
 */
import { parseArgs } from 'node:util';
import { debianFolder, openFashionMnist } from './lib/data.mjs';

const { idx } = parseArgs({ options: { idx: { type: 'string', default: debianFolder } } }).values;
const { classes, train, val } = openFashionMnist(idx);
console.log(`${idx} holds ${train.length} images to train on and ${val.length} to validate with, of ${classes.length} classes.

Train a network on them:
  npx mobinet train --idx ${idx}

Repeat docs/fashion-mnist.md and docs/ablation.md:
  npm run fashion-mnist${idx === debianFolder ? '' : ` -- --idx ${idx}`}
  npm run ablation${idx === debianFolder ? '' : ` -- --idx ${idx}`}`);
