import { Module } from '@mobinet/autograd';
import { checkFunction, checkRecord, shown } from '@mobinet/tensor';
import { DataError } from '../data/errors.js';
import { type ImageOptions, imageOptions, type OptionSchema, type OptionsOf, resolveOptions } from './options.js';

/** A kind of network: what `train`, checkpoints and the command line have to know of it. */
export interface Network<O extends ImageOptions = ImageOptions> {
  /** What checkpoints and the flag `--network` call it. */
  readonly name: string;
  readonly options: OptionSchema;
  /** What the presets of training set of its options, by their names. */
  readonly presets: Readonly<Record<string, Partial<O> | undefined>>;
  /** Fills in defaults and checks every option. @throws RangeError or TypeError, one line that names the option. */
  resolve(options: unknown): O;
  /** A network with fresh weights, which depend on the options alone. @throws RangeError for options that do not go together. */
  make(options: O): Module;
}

/** What makes a network: its name, the options that it has beside `imageOptions` (or other defaults for these), and its module. */
export interface NetworkDefinition<S extends OptionSchema> {
  readonly name: string;
  readonly options?: S;
  readonly presets?: Readonly<Record<string, Partial<OptionsOf<typeof imageOptions & S>>>>;
  /** Images [batch, imageSize, imageSize, 3] to logits [batch, classes]. Weights are drawn from `options.seed`. */
  make(options: OptionsOf<typeof imageOptions & S>): Module;
}

/**
 * Defines a kind of network, so that it can be trained, resumed, packed and exported like those that come with the library.
 *
 * ```ts
 * export default registerNetwork(defineNetwork({
 *   name: 'tiny',
 *   options: { width: { help: 'channels of the first layer', default: 16, range: wholeNumbers(1, 1024) } },
 *   make: ({ width, classes, seed }) => new Tiny(width, classes, Rng.fromSeed(seed)),
 * }));
 * ```
 *
 * A file that exports one by default is what `mobinet train --network FILE` takes.
 */
export function defineNetwork<const S extends OptionSchema = Record<never, never>>(
  definition: NetworkDefinition<S>,
): Network<OptionsOf<typeof imageOptions & S>> {
  checkRecord('defineNetwork', definition);
  const { name, presets = {} } = definition;
  if (typeof name !== 'string' || !/^[\w-]+$/.test(name)) {
    throw new TypeError(`defineNetwork: the name must be letters, digits, - and _, not ${shown(name)}`);
  }
  checkFunction('defineNetwork: make', definition.make);
  const options = { ...imageOptions, ...definition.options } as typeof imageOptions & S;
  return {
    name,
    options,
    presets,
    resolve: (given) => resolveOptions(options, given, name),
    make(resolved) {
      const module = definition.make(resolved);
      if (!(module instanceof Module)) {
        throw new TypeError(`${name}: make must give a Module of @mobinet/autograd, not ${shown(module)}`);
      }
      return module.label();
    },
  };
}

const networks = new Map<string, Network>();

/** Makes a kind of network known by its name: checkpoints of it can be read then. @returns The same. @throws RangeError if another has its name. */
export function registerNetwork<N extends Network>(network: N): N {
  const known = networks.get(network.name);
  if (known && known !== network) {
    throw new RangeError(`there is another network called ${shown(network.name)}. Choose a name of its own`);
  }
  networks.set(network.name, network);
  return network;
}

/** @throws DataError, one line that says what to do, if no network of that name is registered. */
export function networkNamed(name: string): Network {
  const network = networks.get(name);
  if (network) return network;
  throw new DataError(
    `no network is called ${shown(name)}. Registered are ${[...networks.keys()].join(', ')}: name the file that defines it ` +
      'with --network FILE, or call registerNetwork before',
  );
}

export const networkNames = (): string[] => [...networks.keys()];
