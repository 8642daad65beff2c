import { fileURLToPath } from 'node:url';
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The root folder of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>['values'];

/**
 * The values of a script's flags. An unknown flag ends the script with a line that names it.
 *
 * @param args The arguments, by default all of the script's.
 */
export function parseFlags<const O extends Options>(options: O, args: string[] = process.argv.slice(2)): Values<O> {
  try {
    return parseArgs({ options, args }).values;
  } catch (error) {
    return stop((error as Error).message);
  }
}

/** Ends the script with an error message of one line. */
export function stop(message: string, code = 1): never {
  console.error(message);
  process.exit(code);
}
