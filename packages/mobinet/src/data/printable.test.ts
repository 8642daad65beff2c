import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { commandLineIn } from '../cli/cli.test.helper.js';
import { formatTable } from '../cli/table.js';
import { packModel } from '../export/pack.js';
import { createMoBiNet } from '../networks/mobinet/mobinet.js';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { printable } from './printable.js';

/** Characters that a terminal obeys. */
const obeyed = /[\p{Cc}\u2028\u2029]|\p{Bidi_Control}/gu;
const withoutLineFeeds = (text: string): string => text.replaceAll('\n', '');

describe('printable', () => {
  test('escapes characters that a terminal would obey, and leaves all others unchanged', () => {
    expect(printable('\x1b[31mred\x1b[0m\r\n\t\x07\x7f\x9b2J')).toBe(
      '\\u001b[31mred\\u001b[0m\\u000d\\u000a\\u0009\\u0007\\u007f\\u009b2J',
    );
    expect(printable('invoice\u202egnp.exe\u2066x\u2069\u2028\u200f')).toBe(
      'invoice\\u202egnp.exe\\u2066x\\u2069\\u2028\\u200f',
    );
    expect(printable('Käse, 猫, 🐈‍⬛, a\\b "c"')).toBe('Käse, 猫, 🐈‍⬛, a\\b "c"');
  });

  test.prop([fc.string({ unit: 'binary' })])('leaves no character that a terminal obeys', (text) => {
    expect(printable(text)).not.toMatch(obeyed);
  });

  test.prop([fc.json({ stringUnit: 'binary' })])('does not change the data in JSON', (json) => {
    const compact = JSON.stringify(JSON.parse(json));
    expect(JSON.parse(printable(compact))).toEqual(JSON.parse(json));
  });

  test('cells of a table are one line each', () => {
    expect(formatTable(['class'], [['a\nb'], ['c\x1b[A']]).split('\n')).toHaveLength(4);
  });
});

describe('names that forge lines and colors', () => {
  const folder = sharedFolder();
  const { ask, askAll } = commandLineIn(folder);
  const classes = ['cat\n  99.99 %  forged', 'dog\x1b[2J', 'owl\u202e\x9b1A'];
  const model = join(folder, 'model');
  const image = join(folder, 'photo\x1b[31m\nforged.png');
  const broken = join(folder, 'broken\r\x1b]0;title\x07\u2067.png');

  const network = createMoBiNet({ width: 0.0625, k: 1, imageSize: 32, classes: 3 });
  writeFileSync(model, packModel(network, { classes }));
  const data = copyImages(join(folder, 'data'), { train: 1, val: 1 });
  const [first] = readdirSync(join(data, 'val'));
  const [photo] = readdirSync(join(data, 'val', first));
  copyFileSync(join(data, 'val', first, photo), image);
  writeFileSync(broken, 'no image');

  test('are escaped by predict, and unchanged in its JSON', async () => {
    const args = ['predict', '--model', model, image, broken];
    const [text, json] = await askAll([args, [...args, '--json']]);
    for (const { code, stdout, stderr } of [text, json]) {
      expect(code).toBe(1);
      expect(withoutLineFeeds(stdout + stderr)).not.toMatch(obeyed);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    expect(text.stdout.trimEnd().split('\n')).toHaveLength(1 + classes.length);
    expect(text.stdout).toContain('photo\\u001b[31m\\u000aforged.png');
    const [prediction] = JSON.parse(json.stdout).predictions;
    expect(prediction.image).toBe(image);
    expect(prediction.classes.map(({ name }: { name: string }) => name).sort()).toEqual(classes.toSorted());
  });

  test('are escaped in errors', async () => {
    mkdirSync(join(data, 'val', 'class\x1b[8m\nhidden'));
    for (const args of [
      ['evaluate', '--data', data, '--model', model],
      ['predict', '--model', `${model}\x1b[1A\u202e`, image],
      ['predict', '--model', model, image, '--no\x1b[31mflag'],
    ]) {
      const { code, stdout, stderr } = await ask(args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^error: .+\n(See docs\/help\.md#[\w-]+\n)?$/);
      expect(withoutLineFeeds(stderr)).not.toMatch(obeyed);
    }
  });
});
