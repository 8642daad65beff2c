/**
 * Exercises of chapter 16. Fill in the functions, then run
 *
 *     npm run exercise 16
 */
import { BatchNorm2d, Conv2d, GlobalAveragePool2d, Linear, Module, PReLU, Sequential } from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { add, Rng, type Tensor, tidy, wholeNumbers, withoutMemory } from '@mobinet/tensor';
import { defineNetwork, type Network, summary } from 'mobinet';
import { todo } from '../lib/todo.js';

/**
 * 1. A small network for images [batch, 16, 16, 3], of layers of the library: a float convolution of 3×3 from 3 to 8
 * channels, a batch norm, a binary convolution of 3×3 with stride 2 from 8 to 16 channels, another batch norm, a PReLU,
 * a global average pool, and a linear layer to 4 classes.
 */
export function smallNetwork(rng: Rng): Module {
  return todo('new Sequential(…)');
}

/**
 * 2. The largest width for which the packed file of a network fits into `limit` bytes, or 0 if none does. `summary`
 * computes the size of the file without computing or storing anything else, so it is cheap.
 *
 * @param make Makes the network of a width from 1 to `largest`. A wider network has a larger file.
 * @param imageShape [height, width, channels] of an image.
 */
export function widestWithin(
  limit: number,
  make: (width: number) => Module,
  { imageShape, largest }: { imageShape: readonly number[]; largest: number },
): number {
  return todo('bisect, or try one width after another; networks made withoutMemory take no memory');
}

/**
 * 3. Defines a network by the name of `exercise-16` (`defineNetwork`), which the command line could train: `smallNetwork`
 * with two options, `width` (the channels of the first convolution, from 1 to 64, by default 8) and `blocks` (how often
 * the pair of binary convolution, stride 1, and batch norm follows, from 1 to 8, by default 2), each with a skip
 * connection around it that adds its input. Then a PReLU, the pool and the linear layer.
 */
export function exerciseNetwork(): Network {
  return todo('defineNetwork({ name, options, make })');
}
