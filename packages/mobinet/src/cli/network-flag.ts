import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Option } from 'commander';
import { DataError, messageOf } from '../data/errors.js';
import { readBytes } from '../data/read-bytes.js';
import { mobinet } from '../networks/mobinet/network.js';
import { type Network, networkNamed, networkNames, registerNetwork } from '../networks/network.js';
import { say } from './output.js';

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
  const named = args.flatMap((arg, at) => {
    if (arg.startsWith(`${flag}=`)) return arg.slice(flag.length + 1);
    return arg === flag ? (args[at + 1] ?? []) : [];
  });
  if (named.length > 1) throw new DataError(`${flag} is given more than once. Name one kind of network`);
  const [name] = named;
  // Commander says what is missing.
  if (name === undefined) return mobinet;
  return /[./\\]/.test(name) ? networkIn(name) : networkNamed(name);
}

async function networkIn(file: string): Promise<Network> {
  const path = resolve(file);
  await readBytes(path, 'file of a network');
  const fail = (error: unknown): never => {
    // Node keeps the line of a mistake in syntax to itself.
    const where = error instanceof SyntaxError ? `. node --check ${file} shows where` : '';
    throw new DataError(`${flag} ${file}: ${messageOf(error)}${where}`, { cause: error });
  };
  const { default: network } = await settled(import(pathToFileURL(path).href), file).catch(fail);
  if (network === undefined) fail('it has no default export. It must be: export default defineNetwork({ … })');
  try {
    return registerNetwork(network);
  } catch (error) {
    return fail(error);
  }
}

/** Says why the program ends where a file waits at its top level for what never comes: Node ends without a word then. */
async function settled<T>(loading: Promise<T>, file: string): Promise<T> {
  const tell = (): void => {
    say(`error: ${flag} ${file}: it waits for something that never comes`);
    process.exitCode = 1;
  };
  process.once('exit', tell);
  return loading.finally(() => process.off('exit', tell));
}
