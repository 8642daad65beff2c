import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { checkAugmentation } from '../data/augment.js';
import { paperTraining, type TrainingOptions } from '../training/options.js';
import { addTrainingFlags, trainingOf } from './flags.js';

/** The augmentation that flags give, starting from that of a preset or a run. */
function augmentOf(flags: string, base: TrainingOptions = paperTraining): TrainingOptions['augment'] {
  const command = addTrainingFlags(new Command('train'))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  command.parse(flags.split(' ').filter(Boolean), { from: 'user' });
  const { augment } = trainingOf(command.opts(), base);
  checkAugmentation(augment);
  return augment;
}

const { augment: base } = paperTraining;

describe('flags', () => {
  test.each([
    ['', {}],
    ['--crop center', { crop: 'center' }],
    ['--crop resized', { crop: 'resized' }],
    ['--crop-scale 0.3,1', { crop: 'resized', cropScale: [0.3, 1] }],
    ['--crop resized --crop-ratio 1,1', { crop: 'resized', cropRatio: [1, 1] }],
    ['--crop random --crop-padding 4', { padding: 4 }],
    ['--color-jitter 0.4', { colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 } }],
    ['--color-jitter 0.4,0,1', { colorJitter: { brightness: 0.4, contrast: 0, saturation: 1 } }],
    ['--flip horizontal', {}],
    ['--flip vertical', { flip: false, verticalFlip: true }],
    ['--flip both', { verticalFlip: true }],
    ['--flip none', { flip: false }],
    ['--no-flip', { flip: false }],
    ['--rotate 10', { rotate: 10 }],
    ['--erase 0.25', { erase: { probability: 0.25, scale: [0.02, 0.33], ratio: [0.3, 3.3], value: 0 } }],
    [
      '--erase 1 --erase-value random --no-flip',
      { flip: false, erase: { probability: 1, scale: [0.02, 0.33], ratio: [0.3, 3.3], value: 'random' } },
    ],
  ])('set the augmentation: %s', (flags, changes) => {
    expect(augmentOf(flags)).toEqual({ ...base, ...changes });
  });

  test('given again on resuming give the same settings, in the same order', () => {
    const flags =
      '--erase 0.5 --color-jitter 0.4 --crop-ratio 1,1 --crop resized --crop-scale 0.3,1 --erase-value random ' +
      '--rotate 5 --flip vertical';
    const augment = augmentOf(flags);
    const saved = { ...paperTraining, augment };
    for (const again of ['', flags, ...flags.split(/ (?=--)/)]) {
      expect(JSON.stringify(augmentOf(again, saved))).toBe(JSON.stringify(augment));
    }
  });

  test('that mirror in fewer directions than before are seen as a change', () => {
    const saved = { ...paperTraining, augment: augmentOf('--flip both') };
    expect(augmentOf('--flip horizontal', saved)).toEqual({ ...base, verticalFlip: false });
    expect(augmentOf('--no-flip', saved)).toEqual({ ...base, flip: false, verticalFlip: false });
  });

  test.each([
    ['--crop top', /--crop .*center, random, resized/],
    ['--crop-scale 0.5', /--crop-scale .*It must be two numbers, the lowest and the highest, not \[0\.5\]\./],
    ['--crop-scale 0,1', /--crop-scale .*It must be a number above 0, up to 1\./],
    ['--crop-ratio 2,1', /--crop-ratio .*It must be in ascending order, not \[2,1\]\./],
    ['--color-jitter 0.4,0.4', /--color-jitter .*It must be one number, or three: brightness,contrast,saturation\./],
    ['--flip sideways', /--flip .*Allowed choices are none, horizontal, vertical, both\./],
    ['--rotate 181', /--rotate .*It must be a number from 0 to 180\./],
    ['--rotate -5', /--rotate .*It must be a number from 0 to 180\./],
    ['--color-jitter -1', /--color-jitter .*It must be a number from 0 to 10\./],
    ['--erase 2', /--erase .*It must be a number from 0 to 1\./],
    ['--erase-value 1', /--erase-value .*Allowed choices are 0, random\./],
    ['--erase-value 0', /^--erase-value needs --erase, the probability/],
    ['--crop center --crop-scale 0.3,1', /^--crop-scale needs --crop resized, not center\./],
    ['--crop-padding 2 --crop-ratio 1,1', /^--crop-ratio needs --crop resized, not random\./],
  ])('refuse %s', (flags, message) => {
    expect(() => augmentOf(flags)).toThrow(message);
  });
});

test.each([
  [{ crop: 'top' }, 'augment.crop must be one of center, random, resized, not "top"'],
  [{ cropScale: [0.5, 2] }, 'augment.cropScale[1] must be a number above 0, up to 1, not 2'],
  [{ cropRatio: 1 }, 'augment.cropRatio must be two numbers, the lowest and the highest, not 1'],
  [{ verticalFlip: 1 }, 'augment.verticalFlip must be one of true, false, not 1'],
  [{ rotate: -1 }, 'augment.rotate must be a number from 0 to 180, not -1'],
  [{ colorJitter: 0.4 }, 'augment.colorJitter must be an object, not 0.4'],
  [{ colorJitter: { brightness: 1, contrast: 1 } }, 'augment.colorJitter.saturation must be a number from 0 to 10'],
  [{ erase: { probability: 0.5 } }, 'augment.erase.scale must be two numbers'],
  [{ erase: { probability: 0.5, scale: [0, 1], ratio: [1, 1], value: 0 } }, 'augment.erase.scale[0] must be'],
  [
    { erase: { probability: 0.5, scale: [1, 1], ratio: [1, 1], value: 1 } },
    'augment.erase.value must be one of 0, random',
  ],
])('an augmentation with %j is refused', (changes, message) => {
  expect(() => checkAugmentation({ ...base, ...changes })).toThrow(message);
});
