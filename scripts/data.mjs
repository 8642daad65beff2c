/**
 * Looks whether all of Fashion-MNIST is here, and says how to get it or how to train on it.
 *
 *     npm run data
 *     npm run data -- --idx FOLDER
 */
import { debianFolder, openFashionMnist } from './lib/data.mjs';
import { parseFlags } from './lib/flags.mjs';

const { idx } = parseFlags({ idx: { type: 'string', default: debianFolder } });
const { classes, train, val } = openFashionMnist(idx);
console.log(`${idx} holds ${train.length} images to train on and ${val.length} to validate with, of ${classes.length} classes.

Train a network on them:
  npx mobinet train --idx ${idx}

Repeat docs/fashion-mnist.md and docs/ablation.md:
  npm run fashion-mnist${idx === debianFolder ? '' : ` -- --idx ${idx}`}
  npm run ablation${idx === debianFolder ? '' : ` -- --idx ${idx}`}`);
