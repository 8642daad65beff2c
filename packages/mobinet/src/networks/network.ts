import { Module } from '@mobinet/autograd';
import {
  checkFunction,
  checkRecord,
  type Synchronous,
  shown,
  TraceError,
  withoutMemory,
} from '@mobinet/tensor/functions';
import { DataError } from '../data/errors.js';
import type { DataSummary } from '../data/source.js';
import {
  checkSchema,
  type ImageOptions,
  imageOptions,
  type OptionSchema,
  type OptionsOf,
  resolveOptions,
} from './options.js';

/** A kind of network: what `train`, checkpoints and the command line need to know about it. */
export interface Network<O extends ImageOptions = ImageOptions> {
  /** Its name in checkpoints and for the flag `--network`. */
  readonly name: string;
  /** All options, including those of all networks of images. */
  readonly options: OptionSchema;
  /** The options that training presets set, by the name of the preset. */
  readonly presets: Readonly<Record<string, PresetOptions<O> | undefined>>;
  /** Fills in defaults and checks every option. @throws RangeError or TypeError, one line that names the option. */
  resolve(options: unknown): O;
  /**
   * Makes a network with fresh weights, which depend only on the options.
   *
   * @throws RangeError for incompatible options.
   */
  make(options: O): Module;
}

/** Options that a preset sets: always the same, or chosen by the data. */
export type PresetOptions<O> = Partial<O> | ((data: DataSummary) => Partial<O>);

/** The options that a preset sets in a network, for a given data set. */
export function presetOptions<O extends ImageOptions>(
  network: Network<O>,
  preset: string,
  data: DataSummary,
): Partial<O> {
  const options = Object.hasOwn(network.presets, preset) ? network.presets[preset] : undefined;
  return (typeof options === 'function' ? options(data) : options) ?? {};
}

/** The definition of a kind of network, for `defineNetwork`. */
export interface NetworkDefinition<S extends OptionSchema> {
  /** Letters, digits, `-` and `_`. */
  readonly name: string;
  /** Options in addition to `imageOptions`, or other defaults for these. */
  readonly options?: S;
  /** The options that training presets set, by the name of the preset. */
  readonly presets?: Readonly<Record<string, PresetOptions<OptionsOf<typeof imageOptions & S>>>>;
  /**
   * Makes a module from images [batch, imageSize, imageSize, 3] to logits [batch, classes]. Weights must be drawn from
   * `options.seed`.
   */
  make(options: OptionsOf<typeof imageOptions & S>): Module;
}

/**
 * Defines a kind of network, so that it can be trained, resumed, packed and exported like the built-in ones. A file
 * whose default export is such a network works with `mobinet train --network FILE`.
 *
 * @throws RangeError or TypeError, one line, for an invalid definition.
 * @example
 * ```ts
 * import { GlobalAveragePool2d, Linear, Sequential } from '@mobinet/autograd';
 * import { BinaryConv2d } from '@mobinet/bnn';
 * import { Rng, wholeNumbers } from '@mobinet/tensor';
 * import { defineNetwork } from 'mobinet';
 *
 * const oneLayer = defineNetwork({
 *   name: 'one-layer',
 *   options: { channels: { help: 'channels of the layer', default: 16, range: wholeNumbers(1, 512) } },
 *   make({ channels, classes, seed }) {
 *     const rng = Rng.fromSeed(seed);
 *     return new Sequential(
 *       new BinaryConv2d(3, channels, { rng }),
 *       new GlobalAveragePool2d(),
 *       new Linear(channels, classes, { rng }),
 *     );
 *   },
 * });
 * const network = oneLayer.make(oneLayer.resolve({ channels: 8, classes: 2 }));
 * console.log([...network.parameters().values()].map(({ shape }) => `[${shape}]`).join(' '));
 * // → [8,3,3,3] [2,8] [2]
 * ```
 */
export function defineNetwork<const S extends OptionSchema = Record<never, never>>(
  definition: NetworkDefinition<S>,
): Network<OptionsOf<typeof imageOptions & S>> {
  checkRecord('defineNetwork: the definition', definition);
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
  for (const preset of Object.values(presets)) if (typeof preset !== 'function') resolve(preset);
  const made = new WeakSet<Module>();
  const make = (resolved: OptionsOf<typeof imageOptions & S>): Module => {
    const module = definition.make(resolved);
    if (!(module instanceof Module)) {
      throw new TypeError(`${name}: make must return a Module of @mobinet/autograd, not ${shown(module)}`);
    }
    if (made.has(module)) throw new TypeError(`${name}: make must return a new Module each time`);
    made.add(module);
    return module.label();
  };
  const network = { name, options, presets, resolve, make };
  defined.add(network);
  return network;
}

/** All networks made by `defineNetwork`. */
const defined = new WeakSet<object>();

/** @throws TypeError, one line, unless `value` was made by `defineNetwork`. */
export function checkNetwork(value: unknown): asserts value is Network {
  if (typeof value === 'object' && value !== null && defined.has(value)) return;
  const isFromAnotherCopy = typeof (value as Partial<Network> | null | undefined)?.resolve === 'function';
  throw new TypeError(
    isFromAnotherCopy
      ? 'the network was defined with another copy of this library. Its file and the program must import the same copy'
      : `a network must be made by defineNetwork, not ${shown(value)}`,
  );
}

/**
 * Makes a network whose tensors have shapes but no elements, to be inspected.
 *
 * @throws TypeError, one line, if its definition reads elements.
 */
export function makeWithoutMemory<O extends ImageOptions>(network: Network<O>, options: O): Module {
  try {
    return withoutMemory(() => network.make(options) as Synchronous<Module>);
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    throw new TypeError(
      `${network.name}: make reads elements of tensors, but it is also called without memory, to measure the network. ` +
        'Create tensors with their values instead: tensor, full, rng.normal',
      { cause: error },
    );
  }
}

const networks = new Map<string, Network>();

/**
 * Registers a kind of network under its name, so that checkpoints of it can be read.
 *
 * @returns The same network.
 * @throws RangeError if another network has the same name. TypeError if it was not made by `defineNetwork`.
 * @example
 * ```ts
 * import { GlobalAveragePool2d, Linear, Sequential } from '@mobinet/autograd';
 * import { Rng } from '@mobinet/tensor';
 * import { defineNetwork, networkNamed, registerNetwork } from 'mobinet';
 *
 * // A linear classifier of the mean color. In a file for --network, this is the default export.
 * const meanColor = registerNetwork(
 *   defineNetwork({
 *     name: 'mean-color',
 *     make: ({ classes, seed }) =>
 *       new Sequential(new GlobalAveragePool2d(), new Linear(3, classes, { rng: Rng.fromSeed(seed) })),
 *   }),
 * );
 * console.log(networkNamed('mean-color') === meanColor);
 * // → true
 * ```
 */
export function registerNetwork<N extends Network>(network: N): N {
  checkNetwork(network);
  const known = networks.get(network.name);
  if (known && known !== network) {
    throw new RangeError(`another network is registered as ${shown(network.name)}. Choose a different name`);
  }
  networks.set(network.name, network);
  return network;
}

/**
 * The network that is registered under a name.
 *
 * @throws DataError, one line with a remedy, if there is none.
 * @example
 * ```ts
 * import { mobinet, networkNamed } from 'mobinet';
 *
 * console.log(networkNamed('mobinet') === mobinet);
 * // → true
 * ```
 */
export function networkNamed(name: string): Network {
  const network = networks.get(name);
  if (network) return network;
  throw new DataError(
    `unknown network ${shown(name)} (registered: ${networkNames().join(', ')}). ` +
      'Pass the file that defines it with --network FILE, or call registerNetwork first',
  );
}

/** The names of all registered networks. */
export const networkNames = (): string[] => [...networks.keys()];
