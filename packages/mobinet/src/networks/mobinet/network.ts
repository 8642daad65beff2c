import { defineNetwork, registerNetwork } from '../network.js';
import { MoBiNet } from './mobinet.js';
import { mobinetOptions } from './options.js';

/** The network of the paper, which is trained where no other is named. */
export const mobinet = registerNetwork(
  defineNetwork({
    name: 'mobinet',
    options: mobinetOptions,
    presets: { small: { width: 0.25, stemStride: 2 } },
    make: (options) => new MoBiNet(options),
  }),
);
