import type { DataSummary } from '../../data/source.js';
import { defineNetwork, registerNetwork } from '../network.js';
import { MoBiNet } from './mobinet.js';
import { type MoBiNetOptions, mobinetOptions } from './options.js';

/**
 * The network of the paper as a kind of network, for training and checkpoints. It is the default wherever no other
 * network is named.
 *
 * @example
 * ```ts
 * import { mobinet } from 'mobinet';
 *
 * const { width, imageSize, classes } = mobinet.resolve({ width: 0.5 });
 * console.log(`width ${width}, ${imageSize} pixels, ${classes} classes`);
 * // → width 0.5, 224 pixels, 1000 classes
 * ```
 */
export const mobinet = registerNetwork(
  defineNetwork({
    name: 'mobinet',
    options: mobinetOptions,
    presets: { small: { width: 0.25, stemStride: 2, padding: 'zero' }, photos },
    make: (options) => new MoBiNet(options),
  }),
);

function photos({ classes, side }: DataSummary): Partial<MoBiNetOptions> {
  return {
    // The features of the last layer, 1024 · width, must tell all classes apart.
    width: classes > 100 ? 1 : 0.5,
    stemStride: side !== null && side <= 32 ? 1 : 2,
    padding: 'zero',
  };
}
