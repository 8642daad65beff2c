import {
  checkChoice,
  checkList,
  checkNumber,
  checkOptionNames,
  checkRecord,
  type NumberRange,
  shown,
  wholeNumbers,
} from '@mobinet/tensor/functions';
import { largestSide } from '../data/source.js';

/** An option of a network, a number or a choice, against which command lines and files are checked. */
export type NetworkOption = NumberOption | ChoiceOption;

interface NumberOption {
  /** A short description for the help text of command lines. */
  readonly help: string;
  readonly default: number;
  readonly range: NumberRange;
}

interface ChoiceOption {
  /** A short description for the help text of command lines. */
  readonly help: string;
  readonly default: string | number | boolean;
  readonly choices: readonly (string | number | boolean)[];
}

/** The options of a network, by name. */
export type OptionSchema = Readonly<Record<string, NetworkOption>>;

/** The values of a schema's options: `{ width: number; pool: 'max' | 'min' }` for a range and a choice. */
export type OptionsOf<S> = {
  -readonly [K in keyof S]: S[K] extends { readonly choices: readonly (infer C)[] } ? C : number;
};

/** The options that all networks of images have. */
export const imageOptions = {
  /** The number of classes. Default 1000. */
  classes: { help: 'number of classes', default: 1000, range: wholeNumbers(1, 1_000_000) },
  /** Height and width of the input, in pixels. Default 224. */
  imageSize: { help: 'height and width of the input, in pixels', default: 224, range: wholeNumbers(1, largestSide) },
  /** Seed of the initial weights. Default 0. */
  seed: { help: 'random seed', default: 0, range: { isWhole: true } },
} as const satisfies OptionSchema;

/** The values of the options that all networks of images have. */
export type ImageOptions = OptionsOf<typeof imageOptions>;

/**
 * Checks a schema when its network is defined, so that a mistake of its author is not reported as one of a user.
 *
 * @throws RangeError or TypeError, one line that names the option.
 */
export function checkSchema(schema: unknown, network: string): asserts schema is OptionSchema {
  checkRecord(`the options of ${network}`, schema);
  for (const [name, option] of Object.entries(schema)) {
    const where = `option ${shown(name)} of ${network}`;
    if (!/^(?!no[A-Z])[a-z][A-Za-z0-9]*$/.test(name) || name in {} || reservedNames.has(name)) {
      throw new RangeError(
        `${where} becomes a command-line flag, so its name must be letters and digits in camelCase, and not a reserved name`,
      );
    }
    checkRecord(where, option);
    if (typeof option.help !== 'string') {
      throw new TypeError(`${where}: help must be a string, not ${shown(option.help)}`);
    }
    if ('choices' in option) {
      checkList(`${where}: choices`, option.choices);
      checkChoice(`${where}: default`, option.default, option.choices);
    } else {
      checkRecord(`${where}: range`, option.range);
      checkNumber(`${where}: default`, option.default, option.range);
    }
  }
}

/** The flags that commands have already, in camelCase. */
const commandFlags =
  'batch checkpoint classNames colorJitter crop cropPadding cropRatio cropScale data device distillWeight ema epochs ' +
  'erase eraseValue exchange flip format graph help host idx init json labelSmoothing limit lr maxSkipped mean ' +
  'microBatches mixup model network optimizer out patience port preset profile quality report resize resume rotate ' +
  'schedule seconds shardSize size std teacher teacherEpochs temperature tensorboard threads title top untrained valShare ' +
  'version warmupEpochs watch weightDecay workers';

const reservedNames: ReadonlySet<string> = new Set(commandFlags.split(' '));

/**
 * Fills in defaults and checks every option.
 *
 * @param name The name of the network in error messages.
 * @throws RangeError or TypeError, one line that names the option.
 */
export function resolveOptions<S extends OptionSchema>(schema: S, given: unknown, name: string): OptionsOf<S> {
  checkRecord(`the options of ${name}`, given);
  checkOptionNames(name, given, Object.keys(schema));
  const entries = Object.entries(schema).map(([key, option]) => {
    const value = given[key] === undefined ? option.default : given[key];
    if ('choices' in option) checkChoice(key, value, option.choices);
    else checkNumber(key, value, option.range);
    return [key, value];
  });
  return Object.fromEntries(entries) as OptionsOf<S>;
}
