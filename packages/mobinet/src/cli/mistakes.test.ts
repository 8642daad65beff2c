import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tiny, tinyNetwork, tinyRunIn } from './cli.test.helper.js';

const folder = sharedFolder();
const { cli, ask, askAll } = commandLineIn(folder);
const { data, run, model, checkpoint } = tinyRunIn(folder, ask);

/** All files in a folder and its subfolders, with their bytes. */
function filesIn(path: string): Map<string, string> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((file) => [file, readFileSync(file, 'latin1')]));
}

describe('mistakes', () => {
  const missingClass = join(folder, 'missing-class');
  const emptyClass = join(folder, 'empty-class');
  const cutOff = join(folder, 'cut-off.safetensors');
  const page = join(folder, 'page.html');

  beforeAll(() => {
    for (const copy of [missingClass, emptyClass]) cpSync(data, copy, { recursive: true });
    const [first, second] = readdirSync(join(data, 'val'));
    rmSync(join(missingClass, 'val', first), { recursive: true });
    for (const file of readdirSync(join(emptyClass, 'train', second))) rmSync(join(emptyClass, 'train', second, file));
    cpSync(checkpoint, cutOff);
    truncateSync(cutOff, 10_000);
    writeFileSync(page, '<!doctype html>');
  });

  const resuming = (...flags: string[]): string[] => ['train', '--data', data, '--resume', run, ...flags];
  const train = ['train', ...tiny, '--data', data, '--out', join(folder, 'other')];
  const cases: [what: string, args: string[], message: RegExp][] = [
    ['an unknown command', ['sumary'], /unknown command 'sumary'/],
    ['an unknown flag', ['summary', '--depth', '3'], /unknown option '--depth'/],
    ['a bad choice', ['summary', '--block', 'middle'], /middle.*none, pre, mid, post/],
    ['a negative size', ['summary', '--size', '-32'], /--size.*whole number from 1 to/],
    ['a bad number', ['summary', '--width', 'half'], /--width.*number above 0/],
    ['a K that is too large', ['summary', '--k', '9'], /units\.0\.depthwise: groups of 2\^K = 512 .*Use k ≤ 5/],
    ['an image too small', ['summary', '--size', '8'], /imageSize 8 is too small/],
    ['no data', ['evaluate', '--model', model], /no images were given/],
    ['data twice', ['evaluate', data, '--data', data, '--model', model], /give the images only once/],
    ['a missing folder', [...train, '--data', join(folder, 'nowhere')], /there is no folder .*nowhere/],
    ['an empty class', [...train, '--data', emptyClass], /holds no images/],
    ['a class that val lacks', [...train, '--data', missingClass], /train has classes that val lacks/],
    [
      'a missing checkpoint',
      ['train', '--data', data, '--resume', join(folder, 'no-run')],
      /there is no checkpoint at/,
    ],
    ['a truncated checkpoint', ['train', '--data', data, '--resume', cutOff], /cut-off\.safetensors: /],
    [
      'a packed model as a checkpoint',
      ['train', '--data', data, '--resume', model],
      /not a training checkpoint, but a packed model/,
    ],
    ['another architecture', resuming('--block', 'pre'), /another architecture: its block is mid, not pre/],
    ['another setting', resuming('--no-flip'), /--resume keeps the settings of the run: its augment is /],
    [
      'another augmentation',
      resuming('--color-jitter', '0.4'),
      /--resume keeps the settings of the run: its augment is /,
    ],
    [
      'crops of two kinds',
      [...train, '--crop', 'center', '--crop-scale', '0.5,1'],
      /--crop-scale needs --crop resized/,
    ],
    [
      'a warm-up that never ends',
      [...train, '--schedule', 'cosine', '--epochs', '2', '--warmup-epochs', '2'],
      /warmupEpochs must be less than the 2 epochs, not 2\. Use a smaller --warmup-epochs/,
    ],
    ['two warm-ups', [...train, '--warmup-epochs', '1'], /schedule one-cycle, .*Use --schedule cosine/],
    ['another preset', resuming('--preset', 'imagenet'), /the preset small .*Leave out --preset imagenet/],
    // The one line must be the error, without the announcement of the new --epochs.
    [
      'other images for a resumed run',
      ['train', '--resume', run, '--epochs', '3', '--limit', '3'],
      /^error: the data has 3 training images, but /,
    ],
    ['three micro-batches', [...train, '--micro-batches', '3'], /--micro-batches.*a power of two/],
    [
      'a share of a split folder',
      [...train, '--val-share', '0.2'],
      /images already has train\/ and val\/, .*Leave out --val-share/,
    ],
    ['a folder that holds a run', [...train, '--out', run], /checkpoint\.safetensors exists/],
    ['a missing model', ['predict', '--model', join(folder, 'none'), 'x.png'], /there is no model at/],
    ['a checkpoint as a model', ['predict', '--model', cutOff, 'x.png'], /cut-off\.safetensors: /],
    [
      'no source to export',
      ['export', '--k', '1'],
      /give exactly one of --checkpoint RUN, --model FILE and --untrained/,
    ],
    [
      'two sources to export',
      ['export', '--model', model, '--checkpoint', run],
      /give exactly one of --checkpoint RUN/,
    ],
    ['packing a packed model', ['export', '--model', model], /is already packed\. Use --format onnx/],
    [
      'a packed model of another width',
      ['export', '--model', model, '--width', '1'],
      /packed model already defines its/,
    ],
    ['an unknown format', ['export', '--untrained', '--format', 'tflite'], /tflite.*packed, onnx, js/],
    ['a folder that is not a run', ['evaluate', data, '--model', data], /images is a folder without model\.mobinet\./],
    [
      'an HTML page as a model',
      ['predict', '--model', page, 'x.png'],
      /page\.html: not a safetensors file, but an HTML page/,
    ],
    ['timing a missing model', ['bench', join(folder, 'none')], /there is no model at/],
    ['timing no images', ['bench', model, '--batch', '0'], /--batch/],
    ['missing weights', ['import', join(folder, 'none')], /there is no weights file at/],
    ['a checkpoint as weights', ['import', checkpoint, ...tinyNetwork], /a training checkpoint, which needs no import/],
    ['a packed model as weights', ['import', model, ...tinyNetwork], /a packed model, which needs no import/],
    ['a truncated weights file', ['import', cutOff], /cut-off\.safetensors: /],
    [
      'missing class names',
      ['import', model, '--class-names', join(folder, 'none')],
      /there is no class names file at/,
    ],
    ['bad colors', ['import', model, '--mean', '0.5'], /--mean.*three numbers/],
    ['a deviation of 0', ['import', model, '--std', '1,0,1'], /--std.*three numbers separated by commas/],
    [
      'a summary of two networks',
      ['summary', '--model', model, '--k', '1'],
      /a model already defines its architecture/,
    ],
    ['a page in a folder with files', ['create', 'images', '--model', model], /^error: images is not empty/],
    ['a page in this folder', ['create', '.', '--model', model], /the name of a new folder, not the current one/],
    ['a page in no folder', ['create', 'none/page', '--model', model], /there is no folder none\. Create it/],
    [
      'a page with a bad name',
      ['create', 'My Page', '--model', model],
      /"My Page" cannot be the name of an npm project/,
    ],
    ['a page named like its package', ['create', 'mobinet', '--model', model], /must not be named mobinet/],
    ['a page without a title', ['create', 'page', '--model', model, '--title', ' '], /--title.*must be a line of text/],
    ['a page without a model', ['create', 'page'], /there is no model at model\.mobinet\.safetensors/],
    ['a page with a truncated model', ['create', 'page', '--model', cutOff], /cut-off\.safetensors: /],
    ['a page with an HTML page as a model', ['create', 'page', '--model', page], /page\.html: not a safetensors file/],
    ['a demo of an HTML page', ['serve-demo', '--model', page, '--port', '0'], /an HTML page|is not built/],
    [
      'a checkpoint of another width',
      ['export', '--checkpoint', run, '--width', '1'],
      /already defines its architecture/,
    ],
  ];

  /** One line, and perhaps another one that points to docs/help.md. */
  const oneError = /^error: .+\n(See docs\/help\.md#[\w-]+\n)?$/;

  test('end in one line on stderr and exit code 1, and change no file', async () => {
    const before = filesIn(folder);
    const outcomes = await askAll(cases.map(([, args]) => args));
    cases.forEach(([what, , message], i) => {
      const { code, stdout, stderr } = outcomes[i];
      // Soft, so that all failing cases are reported, not only the first.
      expect.soft({ code, stdout }, what).toEqual({ code: 1, stdout: '' });
      expect.soft(stderr, what).toMatch(oneError);
      expect.soft(stderr, what).toMatch(message);
    });
    expect(filesIn(folder)).toEqual(before);
  });

  // The first is detected by the parser, the others by commands, before and after they have started to work.
  test.each(['an unknown flag', 'a missing model', 'a truncated checkpoint', 'another architecture'])(
    '%s ends the program itself in the same way',
    async (what) => {
      const [, args, message] = cases.find(([name]) => name === what)!;
      const { code, stdout, stderr } = await cli(args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(oneError);
      expect(stderr).toMatch(message);
    },
  );

  test('a run is not resumed into the folder of another', async () => {
    const copy = join(folder, 'copy.safetensors');
    cpSync(checkpoint, copy);
    const before = filesIn(run);
    const { code, stderr } = await ask(['train', '--data', data, '--resume', copy, '--out', run]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^error: .*checkpoint\.safetensors exists.*\nSee docs\/help\.md#run-folder\n$/),
    });
    expect(filesIn(run)).toEqual(before);
  });
});
