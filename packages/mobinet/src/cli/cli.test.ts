import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeSafetensors, dispose, encodeSafetensors } from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tiny } from './cli.test.helper.js';

const example = fileURLToPath(new URL('../../../../examples/train-imagenet.js', import.meta.url));

const folder = sharedFolder();
const { cli, ask, askAll } = commandLineIn(folder);
const data = join(folder, 'images');
const run = join(folder, 'run');
const model = join(run, 'model.mobinet.safetensors');
const checkpoint = join(run, 'checkpoint.safetensors');

/** Every file below a folder, with its bytes. */
function filesIn(path: string): Map<string, string> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((file) => [file, readFileSync(file, 'latin1')]));
}

/** The network of `tiny`, for commands that know no presets. */
const tinyNetwork = ['--width', '0.0625', '--k', '1', '--size', '32'];

const lastMetrics = (out: string) =>
  JSON.parse(readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n').at(-1)!);

beforeAll(async () => {
  copyImages(data);
  const { code, stderr } = await ask(['train', '--data', data, ...tiny, '--epochs', '1', '--out', run]);
  expect(code, stderr).toBe(0);
});

describe('help', () => {
  test('of every command tells its flags, and of train all that the example has', async () => {
    const commands = ['summary', 'train', 'evaluate', 'export', 'import', 'predict', 'bench', 'serve-demo'];
    const [program, ...helps] = await askAll([['--help'], ...commands.map((command) => [command, '--help'])]);
    for (const { code, stdout, stderr } of [program, ...helps])
      expect({ code, stderr, usage: /^Usage: mobinet/.test(stdout) }).toEqual({ code: 0, stderr: '', usage: true });
    commands.forEach((command, i) => {
      const [, examples] = helps[i].stdout.split(/^Examples?:\n/m);
      expect(examples.trimEnd().split('\n')).toSatisfy((lines: string[]) =>
        lines.every((line) => line.startsWith(`  mobinet ${command}`)),
      );
    });
    for (const command of commands) expect(program.stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    const ofExample = await cli(['--help'], { script: example });
    expect(ofExample.code).toBe(0);
    expect(ofExample.stdout).toMatch(
      /^Usage: node examples\/train-imagenet\.js .*^ {2}node examples\/train-imagenet\.js --data photos /ms,
    );
    const flags = [
      'data',
      'preset',
      'block',
      'k',
      'width',
      'size',
      'epochs',
      'batch',
      'lr',
      'seed',
      'out',
      'resume',
      'limit',
      'precision',
      'workers',
      'threads',
      'profile',
      'json',
    ];
    for (const flag of flags) {
      expect(ofExample.stdout).toMatch(new RegExp(`^ +--${flag}\\b`, 'm'));
      expect(helps[1].stdout).toMatch(new RegExp(`^ +--${flag}\\b`, 'm'));
    }
  });
});

describe('summary', () => {
  test('--json is one object with the FLOPs of the paper, and nothing else', async () => {
    const { code, stdout, stderr } = await ask(['summary', '--block', 'mid', '--k', '3', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(Math.abs(JSON.parse(stdout).flops - 48.62e6)).toBeLessThan(0.01e6);
  });

  test('is a table of layers otherwise: head, rule, rows, totals', async () => {
    const { stdout } = await ask(['summary', '--width', '0.25', '--size', '32', '--classes', '10']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^layer +kind +input +output +bits +floats +binary M +float M +bytes$/);
    expect(lines[1]).toMatch(/^─[─ ]+─$/);
    expect(lines[2]).toMatch(/^stem +conv 3×3, stride 2 +32×32×3 +16×16×8 /);
    expect(lines).toHaveLength(2 + 41 + 3);
    expect(new Set(lines.slice(0, 43).map((line) => line.length)).size).toBe(1);
    expect(stdout).not.toContain('\x1b');
  });

  test('of a packed model is that of its network', async () => {
    const { code, stdout, stderr } = await ask(['summary', '--model', model, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { layers, savedBytes } = JSON.parse(stdout);
    expect([layers[0].inputShape, layers.at(-1).outputShape]).toEqual([[32, 32, 3], [3]]);
    expect(savedBytes).toBe(readFileSync(model).length);
  });
});

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
    ['a K that does not fit', ['summary', '--k', '9'], /units\.0\.depthwise: groups of 2\^K = 512 .*Use k ≤ 5/],
    ['an image too small', ['summary', '--size', '8'], /imageSize 8 is too small/],
    ['no data', ['evaluate', '--model', model], /no images were named/],
    ['data twice', ['evaluate', data, '--data', data, '--model', model], /name the images once/],
    ['a missing folder', [...train, '--data', join(folder, 'nowhere')], /there is no folder .*nowhere/],
    ['an empty class', [...train, '--data', emptyClass], /holds no images/],
    ['a class that val lacks', [...train, '--data', missingClass], /train has classes that val lacks/],
    [
      'a missing checkpoint',
      ['train', '--data', data, '--resume', join(folder, 'no-run')],
      /there is no checkpoint at/,
    ],
    ['half a checkpoint', ['train', '--data', data, '--resume', cutOff], /cut-off\.safetensors: /],
    [
      'a packed model as a checkpoint',
      ['train', '--data', data, '--resume', model],
      /not a training checkpoint, but a packed model/,
    ],
    ['another architecture', resuming('--block', 'pre'), /another architecture: its block is mid, not pre/],
    ['another setting', resuming('--no-flip'), /goes on with the run's own settings: its augment is /],
    ['another preset', resuming('--preset', 'imagenet'), /the preset small, .*Leave out --preset imagenet/],
    ['three micro-batches', [...train, '--micro-batches', '3'], /--micro-batches.*a power of two/],
    [
      'a share of what is split',
      [...train, '--val-share', '0.2'],
      /images holds train\/ and val\/, .*Leave out --val-share/,
    ],
    ['a folder that holds a run', [...train, '--out', run], /checkpoint\.safetensors exists/],
    ['a missing model', ['predict', '--model', join(folder, 'none'), 'x.png'], /there is no model at/],
    ['a checkpoint as a model', ['predict', '--model', cutOff, 'x.png'], /cut-off\.safetensors: /],
    ['neither kind of export', ['export', '--k', '1'], /give one of --checkpoint RUN, --model FILE and --untrained/],
    ['two kinds of export', ['export', '--model', model, '--checkpoint', run], /give one of --checkpoint RUN/],
    ['a packed model to be packed', ['export', '--model', model], /is packed already\. Use --format onnx/],
    ['a packed model of another width', ['export', '--model', model, '--width', '1'], /a packed model has an arch/],
    ['an unknown format', ['export', '--untrained', '--format', 'tflite'], /tflite.*packed, onnx/],
    ['a folder that is no run', ['evaluate', data, '--model', data], /images is a folder without model\.mobinet\./],
    [
      'a page as a model',
      ['predict', '--model', page, 'x.png'],
      /page\.html: not a safetensors file, but an HTML page/,
    ],
    ['a missing model to be timed', ['bench', join(folder, 'none')], /there is no model at/],
    ['no images to be timed', ['bench', model, '--batch', '0'], /--batch/],
    ['no weights', ['import', join(folder, 'none')], /there is no file of weights at/],
    ['a checkpoint as weights', ['import', checkpoint, ...tinyNetwork], /a training checkpoint, which needs no import/],
    ['a packed model as weights', ['import', model, ...tinyNetwork], /a packed model, which needs no import/],
    ['half a file of weights', ['import', cutOff], /cut-off\.safetensors: /],
    ['no class names', ['import', model, '--class-names', join(folder, 'none')], /there is no file of class names at/],
    ['bad colours', ['import', model, '--mean', '0.5'], /--mean.*three numbers/],
    ['a deviation of 0', ['import', model, '--std', '1,0,1'], /--std.*three numbers with commas/],
    ['a summary of two networks', ['summary', '--model', model, '--k', '1'], /a model has an architecture/],
    ['a demo of no model', ['serve-demo', '--model', page, '--port', '0'], /an HTML page|is not built/],
    ['a checkpoint of another width', ['export', '--checkpoint', run, '--width', '1'], /architecture of its own/],
  ];

  test('end in one line on stderr and exit code 1, and change no file', async () => {
    const before = filesIn(folder);
    const outcomes = await askAll(cases.map(([, args]) => args));
    cases.forEach(([what, , message], i) => {
      const { code, stdout, stderr } = outcomes[i];
      // All of them are told, not the first alone.
      expect.soft({ code, stdout }, what).toEqual({ code: 1, stdout: '' });
      expect.soft(stderr, what).toMatch(/^error: .+\n$/);
      expect.soft(stderr, what).toMatch(message);
    });
    expect(filesIn(folder)).toEqual(before);
  });

  // The first is found by the parser, the others by commands, before and after they have begun to work.
  test.each(['an unknown flag', 'a missing model', 'half a checkpoint', 'another architecture'])(
    '%s ends the program itself in the same way',
    async (what) => {
      const [, args, message] = cases.find(([name]) => name === what)!;
      const { code, stdout, stderr } = await cli(args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^error: .+\n$/);
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
      stderr: expect.stringMatching(/^error: .*checkpoint\.safetensors exists.*\n$/),
    });
    expect(filesIn(run)).toEqual(before);
  });
});

describe('train', () => {
  const runFiles = ['best.safetensors', 'checkpoint.safetensors', 'metrics.jsonl'];

  test('leaves checkpoint, metrics and packed model, and evaluate agrees with the metrics', async () => {
    expect(readdirSync(run).sort()).toEqual([...runFiles, 'model.mobinet.safetensors']);
    expect(readFileSync(join(run, 'best.safetensors')).equals(readFileSync(checkpoint))).toBe(true);
    const evaluate = ['evaluate', data, '--json', '--workers', '1', '--model'];
    const [packed, trained] = await askAll([
      // For a run's folder, its packed model.
      [...evaluate, run],
      [...evaluate, checkpoint],
    ]);
    expect({ code: packed.code, stderr: packed.stderr }).toEqual({ code: 0, stderr: '' });
    const { top1, top5, valLoss } = lastMetrics(run);
    const { loss, ...result } = JSON.parse(packed.stdout);
    expect(result).toEqual({ top1, top5, images: 12, skippedImages: 0 });
    expect(loss).toBeCloseTo(valLoss, 5);
    expect(JSON.parse(trained.stdout)).toEqual(JSON.parse(packed.stdout));
  });

  test('a float twin is trained and packed like any network', async () => {
    const out = join(folder, 'float');
    const { code, stdout, stderr } = await ask([
      ...['train', '--data', data, ...tiny, '--precision', 'float', '--epochs', '1', '--out', out],
    ]);
    expect(code, stderr).toBe(0);
    const { top1, top5, valLoss } = lastMetrics(out);
    const saved = join(out, 'model.mobinet.safetensors');
    const bytes = readFileSync(saved).length.toLocaleString('en-US');
    expect(stderr).toContain(`saved size   ${bytes} bytes\n`);
    // With three classes, there is no top-5.
    expect(top5).toBeNull();
    expect(stdout.split('\n')).toEqual([
      `top-1   ${top1.toFixed(2)} %`,
      `best epoch 1: ${top1.toFixed(2)} %, kept as ${join(out, 'best.safetensors')}`,
      `saved   ${saved}, ${bytes} bytes`,
      'check   loaded again, its logits differ by at most 0 over 12 images',
      '',
    ]);
    const [evaluated, packed] = await askAll([
      ['evaluate', '--model', join(out, 'checkpoint.safetensors'), '--data', data, '--workers', '1', '--json'],
      ['evaluate', '--model', saved, '--data', data, '--workers', '1', '--json'],
    ]);
    const { loss, ...accuracy } = JSON.parse(evaluated.stdout);
    expect(accuracy).toEqual({ top1, top5, images: 12, skippedImages: 0 });
    // After so short a training, running statistics produce large numbers.
    expect(loss / valLoss).toBeCloseTo(1, 5);
    expect(JSON.parse(packed.stdout)).toEqual(JSON.parse(evaluated.stdout));
  });

  test('the example passes over a broken image, names it, and prints one JSON object', async () => {
    const damaged = join(folder, 'damaged');
    cpSync(data, damaged, { recursive: true });
    const [first] = readdirSync(join(damaged, 'train'));
    const broken = join(damaged, 'train', first, 'broken.png');
    writeFileSync(broken, 'no image');
    const out = join(folder, 'damaged-run');
    const args = ['--data', damaged, ...tiny, '--epochs', '2', '--out', out, '--json'];
    const { code, stdout, stderr } = await cli(args, { script: example });
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ epoch: 2, skippedImages: 1, agreement: { images: 12, largestDifference: 0 } });
    expect(result.top1).toBe(lastMetrics(out).top1);
    expect(stderr.match(/warning: .*broken\.png/g)).toHaveLength(1);
    expect(stderr).toContain('1 images could not be decoded and were skipped');
    expect(stderr).toMatch(/^epoch 1: .*\nepoch 2: /m);
  });

  test('Ctrl-C stops after the step and saves; --resume finishes', async () => {
    const out = join(folder, 'interrupted');
    const start = ['train', '--data', data, ...tiny, '--epochs', '6', '--out', out];
    const stopped = await cli(start, { interruptAt: /^epoch 1: /m });
    expect(stopped.code, stopped.stderr).toBe(130);
    expect(stopped.stderr).toMatch(/stopping after this step .*\n.*stopped and saved\. Continue with --resume/s);
    expect(stopped.stdout).toBe('');
    expect(existsSync(join(out, 'model.mobinet.safetensors'))).toBe(false);
    expect(lastMetrics(out).epoch).toBeLessThan(6);

    // The checkpoint knows where its images are, and may go on for longer than was meant.
    const resumed = await ask(['train', '--resume', out, '--workers', '1', '--json', '--epochs', '7']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ epoch: 7, agreement: { largestDifference: 0 } });
    const epochs = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).epoch);
    expect(epochs).toEqual(Array.from({ length: 7 }, (_, i) => i + 1));
    expect(existsSync(join(out, 'model.mobinet.safetensors'))).toBe(true);
  });
});

describe('predict', () => {
  const imagesOf = (label: string) =>
    readdirSync(join(data, 'val', label)).map((file) => join(data, 'val', label, file));

  test('answers for good images, names broken ones, and then fails', async () => {
    const classes = readdirSync(join(data, 'val')).sort();
    const [first, second] = imagesOf(classes[0]);
    const broken = join(folder, 'broken.png');
    writeFileSync(broken, readFileSync(first).subarray(0, 60));
    const { code, stdout, stderr } = await ask(['predict', '--model', model, '--json', first, broken, second]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*broken\.png.*\n$/);
    const { predictions } = JSON.parse(stdout);
    expect(predictions.map(({ image }: { image: string }) => image)).toEqual([first, second]);
    for (const { classes: answers } of predictions as { classes: { name: string; probability: number }[] }[]) {
      const probabilities = answers.map(({ probability }) => probability);
      expect(answers.map(({ name }) => name).sort()).toEqual(classes);
      expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
      expect(probabilities.reduce((sum, probability) => sum + probability)).toBeCloseTo(1, 5);
    }
  });

  test('refuses images of another size, if asked to', async () => {
    const [image] = imagesOf(readdirSync(join(data, 'val'))[0]);
    const { code, stdout, stderr } = await ask(['predict', '--model', model, '--json', '--no-resize', image]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '{"predictions":[]}\n' });
    expect(stderr).toMatch(/^error: skipped .*: its 28 × 28 pixels are not the 32 × 32 that are asked for\n$/);
  });

  test('names a broken image once, also where it is the only one', async () => {
    const broken = join(folder, 'no-image.png');
    writeFileSync(broken, 'no image');
    const { code, stdout, stderr } = await ask(['predict', '--model', model, '--json', broken]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '{"predictions":[]}\n' });
    expect(stderr).toMatch(/^error: .*no-image\.png.*\n$/);
  });

  test('shows the five most probable classes of many', async () => {
    const many = join(folder, 'untrained.safetensors');
    const architecture = ['--width', '0.0625', '--k', '1', '--size', '32', '--classes', '10'];
    const exported = await ask(['export', '--untrained', ...architecture, '--out', many, '--json']);
    expect({ code: exported.code, stderr: exported.stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(exported.stdout)).toEqual({ file: many, bytes: readFileSync(many).byteLength });
    const counted = await ask(['summary', ...architecture, '--json']);
    expect(JSON.parse(counted.stdout).savedBytes).toBe(readFileSync(many).byteLength);

    const [image] = imagesOf(readdirSync(join(data, 'val'))[0]);
    const { code, stdout } = await ask(['predict', '--model', many, image, '--json']);
    expect(code).toBe(0);
    const [{ classes }] = JSON.parse(stdout).predictions;
    expect(classes).toHaveLength(5);
    const sum = classes.reduce((total: number, { probability }: { probability: number }) => total + probability, 0);
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThanOrEqual(1 + 1e-6);
  });
});

describe('export', () => {
  test('of a checkpoint is the packed model of its run', async () => {
    mkdirSync(join(folder, 'exports'));
    const out = join(folder, 'exports', 'photos.safetensors');
    const { code, stdout, stderr } = await ask(['export', '--checkpoint', run, '--out', out]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/photos\.safetensors, [\d,]+ bytes\n$/);
    expect(readFileSync(out).equals(readFileSync(model))).toBe(true);
  });

  test('gives classes the names of a file, if they are as many', async () => {
    const exports = join(folder, 'renamed');
    mkdirSync(exports);
    const [names, others] = ['names.txt', 'others.txt'].map((name) => join(exports, name));
    writeFileSync(names, 'eins\nzwei\ndrei\n');
    writeFileSync(others, 'eins\nzwei\n');
    const out = join(exports, 'renamed.safetensors');
    const [renamed, refused] = await askAll([
      ['export', '--checkpoint', run, '--class-names', names, '--out', out],
      ['export', '--model', model, '--format', 'onnx', '--class-names', others, '--out', join(exports, 'none')],
    ]);
    expect({ code: renamed.code, stderr: renamed.stderr }).toEqual({ code: 0, stderr: '' });
    const { tensors, metadata } = decodeSafetensors(readFileSync(out));
    dispose(tensors);
    expect(JSON.parse(metadata.classes)).toEqual(['eins', 'zwei', 'drei']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^error: .*others\.txt names 2 classes, but the number of classes is 3\n$/);
    expect(existsSync(join(exports, 'none'))).toBe(false);
  });

  test('as ONNX is the same of a checkpoint and of its packed model', async () => {
    const exports = join(folder, 'onnx');
    mkdirSync(exports);
    const [ofRun, ofModel] = ['run.onnx', 'model.onnx'].map((name) => join(exports, name));
    const outcomes = await askAll([
      ['export', '--checkpoint', run, '--format', 'onnx', '--out', ofRun, '--json'],
      ['export', '--model', model, '--format', 'onnx', '--out', ofModel],
    ]);
    for (const { code, stderr } of outcomes) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(outcomes[0].stdout)).toEqual({ file: ofRun, bytes: readFileSync(ofRun).byteLength });
    expect(outcomes[1].stdout).toMatch(/model\.onnx, [\d,]+ bytes\n$/);
    expect(readFileSync(ofRun).equals(readFileSync(ofModel))).toBe(true);
  });

  test('as ONNX takes a float twin, and names the file itself', async () => {
    const args = [
      'export',
      '--untrained',
      '--precision',
      'float',
      ...tinyNetwork,
      '--classes',
      '3',
      '--format',
      'onnx',
    ];
    const { code, stdout, stderr } = await ask(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^model\.onnx, [\d,]+ bytes\n$/);
    rmSync(join(folder, 'model.onnx'));
  });
});

describe('bench', () => {
  test('tells what the network takes, and what each layer', async () => {
    const [json, table] = await askAll([
      ['bench', model, '--threads', '1', '--batch', '2', '--seconds', '0.1', '--json'],
      ['bench', model, '--threads', '2', '--seconds', '0.1'],
    ]);
    expect({ code: json.code, stderr: json.stderr }).toEqual({ code: 0, stderr: '' });
    const { layers, milliseconds, imagesPerSecond, ...result } = JSON.parse(json.stdout);
    expect(result).toEqual({ model, batch: 2, threads: 1, runs: expect.any(Number) });
    expect(milliseconds).toBeGreaterThan(0);
    expect(imagesPerSecond).toBeCloseTo(2000 / milliseconds);
    const names = ['stem', ...units(13).flatMap((unit) => [`${unit}.depthwise`, `${unit}.extra`, `${unit}.pointwise`])];
    expect(layers.map(({ name }: { name: string }) => name)).toEqual([...names, 'classifier']);
    expect(layers.reduce((sum: number, { share }: { share: number }) => sum + share, 0)).toBeCloseTo(1);
    // 2 images of 16×16 pixels, 2 channels, 3×3 taps on groups of 2.
    expect(layers[1].binaryMultiplyAdds).toBe(2 * 16 * 16 * 2 * 9 * 2);
    expect(table.stdout).toMatch(/^layer +ms +% +binary MMAC +GMAC\/s\n/);
    expect(table.stdout).toMatch(/ms for an image, [\d.]+ images\/s, on 2 threads \(median of \d+ runs\)\n$/);
  });

  const units = (count: number): string[] => Array.from({ length: count }, (_, unit) => `units.${unit}`);
});

describe('import', () => {
  const imports = join(folder, 'imports');
  const weights = join(imports, 'weights.safetensors');
  const classNames = join(imports, 'classes.txt');

  beforeAll(() => {
    mkdirSync(imports);
    const { tensors } = decodeSafetensors(readFileSync(checkpoint));
    const own = [...tensors].filter(([name]) => name.startsWith('model.'));
    writeFileSync(weights, encodeSafetensors(new Map(own.map(([name, tensor]) => [name.slice(6), tensor]))));
    dispose(tensors);
    writeFileSync(classNames, `${readdirSync(join(data, 'val')).sort().join('\n')}\n`);
  });

  test("of a checkpoint's floats is the packed model of its run", async () => {
    const out = join(imports, 'photos.safetensors');
    const described = [...tinyNetwork, '--class-names', classNames, '--resize', '32'];
    const { code, stdout, stderr } = await ask(['import', weights, ...described, '--out', out, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ file: out, bytes: readFileSync(out).byteLength });
    expect(readFileSync(out).equals(readFileSync(model))).toBe(true);
  });

  test('says how images are to be normalised, and refuses names of other classes', async () => {
    const out = join(imports, 'gray.safetensors');
    const half = ['--mean', '0.5,0.5,0.5', '--std', '0.25,0.5,1'];
    const [gray, other] = await askAll([
      ['import', weights, ...tinyNetwork, '--classes', '3', ...half, '--out', out],
      [
        'import',
        weights,
        ...tinyNetwork,
        '--classes',
        '4',
        '--class-names',
        classNames,
        '--out',
        join(imports, 'none'),
      ],
    ]);
    expect({ code: gray.code, stderr: gray.stderr }).toEqual({ code: 0, stderr: '' });
    const { tensors, metadata } = decodeSafetensors(readFileSync(out));
    dispose(tensors);
    expect(JSON.parse(metadata.preprocessing)).toEqual({
      resize: 37,
      normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.5, 1] },
    });
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/^error: .*classes\.txt names 3 classes, but --classes is 4\n$/);
    expect(existsSync(join(imports, 'none'))).toBe(false);
  });
});
