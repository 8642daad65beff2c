import { debianFolder } from './data.js';
import { parseFlags, stop } from './flags.js';

/** What an experiment's help text says, and its defaults. */
interface Experiment {
  /** The name of its npm script. */
  readonly script: string;
  /** One sentence for the help text. */
  readonly description: string;
  /** The flags of each training, which --epochs and --limit override. */
  readonly settings: readonly string[];
  /** The default number of seeds. */
  readonly seeds: number;
}

/** The flags of an experiment, with defaults filled in. */
export interface ExperimentFlags {
  /** The flags of each training. */
  readonly settings: readonly string[];
  readonly seeds: readonly number[];
  /** The folder of Fashion-MNIST. */
  readonly idx: string;
  /** The folder of run folders. */
  readonly runs: string;
  /** The command that reproduces the numbers. */
  readonly command: string;
}

/** Reads the flags that both experiments take. Prints the help and exits if --help is given. */
export function readFlags({ script, description, settings, seeds }: Experiment): ExperimentFlags {
  const runs = `runs/${script}`;
  const help = `Usage: npm run ${script} -- [options]

${description}
It can be stopped with Ctrl-C; the same command resumes. Finished trainings are not repeated.

  --epochs <number>  overrides the script's own setting
  --limit <images>   use only this many images of each split
  --seeds <number>   train each network with seeds 0, 1, … (default: ${seeds})
  --idx <folder>     Fashion-MNIST (default: ${debianFolder}; see npm run data)
  --runs <folder>    where trainings are kept (default: ${runs})
  --help             print this`;

  const given = parseFlags({
    epochs: { type: 'string' },
    limit: { type: 'string' },
    seeds: { type: 'string', default: String(seeds) },
    idx: { type: 'string', default: debianFolder },
    runs: { type: 'string', default: runs },
    help: { type: 'boolean' },
  });
  if (given.help) {
    console.log(help);
    process.exit(0);
  }
  if (!/^[1-9]\d*$/.test(given.seeds)) stop(`--seeds must be a whole number of at least 1, not ${given.seeds}`);
  const overrides = [
    ...(given.epochs === undefined ? [] : ['--epochs', given.epochs]),
    ...(given.limit === undefined ? [] : ['--limit', given.limit]),
  ];
  const changes = [...overrides, ...(given.seeds === String(seeds) ? [] : ['--seeds', given.seeds])];
  return {
    // If a flag is given twice, the last one counts.
    settings: [...settings, ...overrides],
    seeds: Array.from({ length: Number(given.seeds) }, (_, seed) => seed),
    idx: given.idx,
    runs: given.runs,
    command: [`npm run ${script}`, ...(changes.length > 0 ? ['--', ...changes] : [])].join(' '),
  };
}
