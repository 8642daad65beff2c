import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkRecord } from '@mobinet/tensor';
import { Option } from 'commander';
import { DataError, messageOf } from '../data/errors.js';
import { mobinet } from '../networks/mobinet/network.js';
import { type Network, networkNamed, networkNames, registerNetwork } from '../networks/network.js';

const flag = '--network';

/** The flag that names the kind of network. It is read before all others, which depend on it. */
export function networkFlag(): Option {
  const names = networkNames().join(', ');
  return new Option(
    `${flag} <name>`,
    `the kind of network: ${names}, or a file that exports one (default: ${mobinet.name})`,
  );
}

/** The network that a command line names, or else MoBiNet. @throws DataError, one line, if there is none. */
export async function networkOf(args: readonly string[]): Promise<Network> {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  if (at < 0) return mobinet;
  const named = args[at] === flag ? args[at + 1] : args[at].slice(flag.length + 1);
  // Commander says what is missing.
  if (named === undefined) return mobinet;
  return /[./\\]/.test(named) ? networkIn(named) : networkNamed(named);
}

async function networkIn(file: string): Promise<Network> {
  const { default: network } = await import(pathToFileURL(resolve(file)).href).catch((error: unknown) => {
    throw new DataError(`${flag} ${file} cannot be loaded: ${messageOf(error)}`, { cause: error });
  });
  checkNetwork(network, file);
  return registerNetwork(network);
}

function checkNetwork(value: unknown, file: string): asserts value is Network {
  try {
    checkRecord('its default export', value);
    const { name, options, resolve, make } = value as { [K in keyof Network]: unknown };
    if (typeof name === 'string' && options && typeof resolve === 'function' && typeof make === 'function') return;
    throw new TypeError('its default export is not what defineNetwork makes');
  } catch (error) {
    throw new DataError(`${flag} ${file}: ${messageOf(error)}. It must be: export default defineNetwork({ … })`);
  }
}
