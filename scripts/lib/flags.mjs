import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { debianFolder } from './data.mjs';

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The flags that both experiments take. Prints the help and ends where that is asked for.
 * @param name The npm script.
 * @param settings The flags of each training, which --epochs and --limit change.
 * @returns The changed settings, the number of seeds, the folders, and the command that repeats the numbers.
 */
export function readFlags(name, { does, settings, seeds }) {
  const runs = `runs/${name}`;
  const help = `Usage: npm run ${name} -- [options]

${does}
It can be stopped with Ctrl-C; the same command goes on from there. What is trained already is not trained again.

  --epochs <number>  in place of the script's own settings
  --limit <images>   use only this many images of each split
  --seeds <number>   seeds 0, 1, … of each network (default: ${seeds})
  --idx <folder>     Fashion-MNIST (default: ${debianFolder}; see npm run data)
  --runs <folder>    where trainings are kept (default: ${runs})
  --help             print this`;

  const values = { seeds: String(seeds), idx: debianFolder, runs, ...parse(help) };
  if (!/^[1-9]\d*$/.test(values.seeds)) stop(`--seeds must be a whole number of at least 1, not ${values.seeds}`);
  const given = (...names) => names.flatMap((name) => (name in values ? [`--${name}`, values[name]] : []));
  const changes = [...given('epochs', 'limit'), ...(values.seeds === String(seeds) ? [] : given('seeds'))];
  return {
    // When a flag is given twice, the last one counts.
    settings: [...settings, ...given('epochs', 'limit')],
    seeds: Array.from({ length: Number(values.seeds) }, (_, seed) => seed),
    idx: values.idx,
    runs: values.runs,
    command: [`npm run ${name}`, ...(changes.length > 0 ? ['--', ...changes] : [])].join(' '),
  };
}

function parse(help) {
  const value = { type: 'string' };
  const flags = { epochs: value, limit: value, seeds: value, idx: value, runs: value, help: { type: 'boolean' } };
  const values = parseFlags(flags);
  if (!values.help) return values;
  console.log(help);
  process.exit(0);
}

/** The values of a script's flags. One that it does not know ends it with a line of why. */
export function parseFlags(options) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return stop(error.message);
  }
}

/** Ends the script with a line of why. */
export function stop(message, code = 1) {
  console.error(message);
  process.exit(code);
}
