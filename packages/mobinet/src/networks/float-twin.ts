import type { Network } from './network.js';
import type { ImageOptions } from './options.js';

/**
 * The options of a network's float twin: the same network with floats in place of signs, made by the choice `float` of
 * the option `precision`.
 *
 * @throws RangeError, one line, if the network has no such option, or is a float network itself.
 */
export function floatTwinOf(network: Network, options: ImageOptions): ImageOptions {
  const { precision } = network.options;
  if (!precision || !('choices' in precision) || !precision.choices.includes('float')) {
    throw new RangeError(
      `the network ${network.name} has no float twin: it lacks an option precision with the choice float`,
    );
  }
  const given = options as ImageOptions & { readonly precision: unknown };
  if (given.precision === 'float') {
    throw new RangeError('the network is a float network itself, so it has no float twin. Leave out --precision float');
  }
  return network.resolve({ ...given, precision: 'float' });
}
