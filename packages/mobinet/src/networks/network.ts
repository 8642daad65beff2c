import { Module } from '@mobinet/autograd';
import { checkFunction, checkRecord, type Synchronous, shown, TraceError, withoutMemory } from '@mobinet/tensor';
import { DataError } from '../data/errors.js';
import {
  checkSchema,
  type ImageOptions,
  imageOptions,
  type OptionSchema,
  type OptionsOf,
  resolveOptions,
} from './options.js';

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
  const own = definition.options ?? {};
  checkSchema(own, name);
  const options = { ...imageOptions, ...own } as typeof imageOptions & S;
  const resolve = (given: unknown) => resolveOptions(options, given, name);
  checkRecord(`the presets of ${name}`, presets);
  for (const preset of Object.values(presets)) resolve(preset);
  const made = new WeakSet<Module>();
  const make = (resolved: OptionsOf<typeof imageOptions & S>): Module => {
    const module = definition.make(resolved);
    if (!(module instanceof Module)) {
      throw new TypeError(`${name}: make must give a Module of @mobinet/autograd, not ${shown(module)}`);
    }
    if (made.has(module)) throw new TypeError(`${name}: make must give a new Module each time`);
    made.add(module);
    return module.label();
  };
  const network = { name, options, presets, resolve, make };
  defined.add(network);
  return network;
}

/** What `defineNetwork` has made. */
const defined = new WeakSet<object>();

/** @throws TypeError, one line, unless `value` was made by `defineNetwork`. */
function checkNetwork(value: unknown): asserts value is Network {
  if (typeof value === 'object' && value !== null && defined.has(value)) return;
  const isOfAnotherCopy = typeof (value as Partial<Network> | null | undefined)?.resolve === 'function';
  throw new TypeError(
    isOfAnotherCopy
      ? 'the network was defined with another copy of this library. Its file and the program must find the same one'
      : `a network must be made by defineNetwork, not ${shown(value)}`,
  );
}

/**
 * A network of shapes alone, to be looked at.
 * @throws TypeError, one line, if its definition reads elements.
 */
export function makeWithoutMemory<O extends ImageOptions>(network: Network<O>, options: O): Module {
  try {
    return withoutMemory(() => network.make(options) as Synchronous<Module>);
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    throw new TypeError(
      `${network.name}: make reads elements of tensors, but is also called where these have none, to see what the network takes. ` +
        'Make them with their values: tensor, full, rng.normal',
      { cause: error },
    );
  }
}

const networks = new Map<string, Network>();

/** Makes a kind of network known by its name: checkpoints of it can be read then. @returns The same. @throws RangeError if another has its name. */
export function registerNetwork<N extends Network>(network: N): N {
  checkNetwork(network);
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
