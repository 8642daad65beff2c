import {
  checkChoice,
  checkList,
  checkNumber,
  checkRecord,
  type NumberRange,
  shown,
  wholeNumbers,
} from '@mobinet/tensor';
import { largestSide } from '../data/source.js';

/** An option of a network: what it is for, and what it may be. Command lines and files are checked against it. */
export type NetworkOption = NumberOption | ChoiceOption;

interface NumberOption {
  /** What it is for, in a few words, as the help text of a command line says it. */
  readonly help: string;
  readonly default: number;
  readonly range: NumberRange;
}

interface ChoiceOption {
  readonly help: string;
  readonly default: string | number | boolean;
  readonly choices: readonly (string | number | boolean)[];
}

/** The options of a network, by name. */
export type OptionSchema = Readonly<Record<string, NetworkOption>>;

/** The values of options: `{ width: number; pool: 'max' | 'min' }` for a range and a choice. */
export type OptionsOf<S> = {
  -readonly [K in keyof S]: S[K] extends { readonly choices: readonly (infer C)[] } ? C : number;
};

/** What all networks of images have. */
export const imageOptions = {
  /** How many classes there are to tell apart. Default 1000. */
  classes: { help: 'classes to tell apart', default: 1000, range: wholeNumbers(1, 1_000_000) },
  /** Height and width of the input, in pixels. Default 224. */
  imageSize: { help: 'height and width of the input, in pixels', default: 224, range: wholeNumbers(1, largestSide) },
  /** Seed of the initial weights. Default 0. */
  seed: { help: 'seed of all that is random', default: 0, range: { isWhole: true } },
} as const satisfies OptionSchema;

export type ImageOptions = OptionsOf<typeof imageOptions>;

/**
 * What a schema is checked for where a network is defined: a mistake in it is the author's, and is not to look like one of a user.
 * @throws RangeError or TypeError, one line that names the option.
 */
export function checkSchema(schema: unknown, network: string): asserts schema is OptionSchema {
  checkRecord(`the options of ${network}`, schema);
  for (const [name, option] of Object.entries(schema)) {
    const called = `option ${shown(name)} of ${network}`;
    if (!/^(?!no[A-Z])[a-z][A-Za-z0-9]*$/.test(name) || name in {} || flagNames.has(name)) {
      throw new RangeError(
        `${called}: it becomes a flag of commands, so its name must be letters and digits in camelCase, and none that is taken`,
      );
    }
    checkRecord(called, option);
    if (typeof option.help !== 'string')
      throw new TypeError(`${called}: help must be a text, not ${shown(option.help)}`);
    if ('choices' in option) {
      checkList(`${called}: choices`, option.choices);
      checkChoice(`${called}: default`, option.default, option.choices);
    } else {
      checkRecord(`${called}: range`, option.range);
      checkNumber(`${called}: default`, option.default, option.range);
    }
  }
}

/** The flags of the commands, by the names of their options: no option of a network can have one. */
const takenNames =
  'batch checkpoint classNames cropPadding data device epochs flip format graph help host idx json labelSmoothing ' +
  'limit lr maxSkipped mean microBatches model network optimizer out patience port preset profile resize resume ' +
  'schedule seconds size std threads top untrained valShare version weightDecay workers';

const flagNames: ReadonlySet<string> = new Set(takenNames.split(' '));

/**
 * Fills in defaults and checks every option.
 * @param name What errors call the network.
 * @throws RangeError or TypeError, one line that names the option.
 */
export function resolveOptions<S extends OptionSchema>(schema: S, given: unknown, name: string): OptionsOf<S> {
  checkRecord(`the options of ${name}`, given);
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(schema, key));
  if (unknown !== undefined) {
    throw new RangeError(`${name} has no option ${shown(unknown)}. Its options are ${Object.keys(schema).join(', ')}`);
  }
  const entries = Object.entries(schema).map(([key, option]) => {
    const value = given[key] === undefined ? option.default : given[key];
    if ('choices' in option) checkChoice(key, value, option.choices);
    else checkNumber(key, value, option.range);
    return [key, value];
  });
  return Object.fromEntries(entries) as OptionsOf<S>;
}
