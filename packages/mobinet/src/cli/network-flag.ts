import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Option } from 'commander';
import { DataError, messageOf } from '../data/errors.js';
import { readBytes } from '../data/read-bytes.js';
import { mobinet } from '../networks/mobinet/network.js';
import { type Network, networkNamed, networkNames, registerNetwork } from '../networks/network.js';
import { say } from './output.js';

const flag = '--network';

/** The flag that names the kind of network. It is read before all other flags, which depend on it. */
export function networkFlag(): Option {
  const names = networkNames().join(', ');
  return new Option(
    `${flag} <name>`,
    `kind of network: ${names}, or a file that exports one (default: ${mobinet.name})`,
  );
}

/**
 * The network that a command line names, or else MoBiNet.
 * @throws DataError, one line, if there is no such network.
 */
export async function networkOf(args: readonly string[]): Promise<Network> {
  const named = args.flatMap((arg, at) => {
    if (arg.startsWith(`${flag}=`)) return arg.slice(flag.length + 1);
    return arg === flag ? (args[at + 1] ?? []) : [];
  });
  if (named.length > 1) throw new DataError(`${flag} was given more than once. Choose one kind of network`);
  const [name] = named;
  // If the value is missing, Commander reports that.
  if (name === undefined) return mobinet;
  return /[./\\]/.test(name) ? networkIn(name) : networkNamed(name);
}

async function networkIn(file: string): Promise<Network> {
  const path = resolve(file);
  await readBytes(path, 'network file');
  const fail = (error: unknown): never => {
    // Node's error does not give the line of a syntax error.
    const where = error instanceof SyntaxError ? `. node --check ${file} shows where` : '';
    throw new DataError(`${flag} ${file}: ${messageOf(error)}${where}`, { cause: error });
  };
  const { default: network } = await settled(import(pathToFileURL(path).href), file).catch(fail);
  if (network === undefined) fail('it has no default export. Add one: export default defineNetwork({ … })');
  try {
    return registerNetwork(network);
  } catch (error) {
    return fail(error);
  }
}

/** Reports a file whose top-level await never settles. Node would exit without a message. */
async function settled<T>(loading: Promise<T>, file: string): Promise<T> {
  const report = (): void => {
    say(`error: ${flag} ${file}: its top-level await never settles`);
    process.exitCode = 1;
  };
  process.once('exit', report);
  return loading.finally(() => process.off('exit', report));
}
