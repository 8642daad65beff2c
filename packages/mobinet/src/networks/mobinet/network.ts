import { defineNetwork, registerNetwork } from '../network.js';
import { MoBiNet } from './mobinet.js';
import { mobinetOptions } from './options.js';

/** The network of the paper. It is the default wherever no other network is named. */
export const mobinet = registerNetwork(
  defineNetwork({
    name: 'mobinet',
    options: mobinetOptions,
    presets: { small: { width: 0.25, stemStride: 2 } },
    make: (options) => new MoBiNet(options),
  }),
);
