import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tiny, tinyNetwork, tinyRunIn } from './cli.test.helper.js';

const example = fileURLToPath(new URL('../../../../examples/train-imagenet.js', import.meta.url));

const folder = sharedFolder();
const { cli, ask, askAll } = commandLineIn(folder);
const { data, run, model, checkpoint } = tinyRunIn(folder, ask);

const lastMetrics = (out: string) =>
  JSON.parse(readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n').at(-1)!);

describe('help', () => {
  test('lists the flags of every command; the example has all flags of train', async () => {
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

test('without a preset, a folder of few images gets settings chosen by their number, which are reported', async () => {
  const flags = ['train', '--data', data, '--width', '0.0625', '--k', '1', '--size', '32', '--epochs', '1'];
  const { stderr } = await ask([...flags, '--workers', '1', '--out', join(folder, 'chosen'), '--json']);
  expect(stderr).toMatch(
    /^preset photos, for \d+ images of \d+ classes: --size 32 --width 0\.0625 --stem-stride 2 --padding zero --epochs 1 --batch 16$/m,
  );
  expect(lastMetrics(join(folder, 'chosen'))).toMatchObject({ epoch: 1 });
});

describe('summary', () => {
  test("--json prints one object with the paper's FLOPs, and nothing else", async () => {
    const { code, stdout, stderr } = await ask(['summary', '--block', 'mid', '--k', '3', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(Math.abs(JSON.parse(stdout).flops - 48.62e6)).toBeLessThan(0.01e6);
  });

  test('prints a table of layers otherwise: head, rule, rows, totals', async () => {
    const { stdout } = await ask(['summary', '--width', '0.25', '--size', '32', '--classes', '10']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^layer +kind +input +output +bits +floats +binary M +float M +bytes$/);
    expect(lines[1]).toMatch(/^─[─ ]+─$/);
    expect(lines[2]).toMatch(/^stem +conv 3×3, stride 2 +32×32×3 +16×16×8 /);
    expect(lines).toHaveLength(2 + 41 + 3);
    expect(new Set(lines.slice(0, 43).map((line) => line.length)).size).toBe(1);
    expect(stdout).not.toContain('\x1b');
  });

  test('summarizes a packed model', async () => {
    const { code, stdout, stderr } = await ask(['summary', '--model', model, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { layers, savedBytes } = JSON.parse(stdout);
    expect([layers[0].inputShape, layers.at(-1).outputShape]).toEqual([[32, 32, 3], [3]]);
    expect(savedBytes).toBe(readFileSync(model).length);
  });
});

describe('train', () => {
  const runFiles = ['best.safetensors', 'checkpoint.safetensors', 'metrics.jsonl'];

  test('saves checkpoint, metrics and packed model, and evaluate agrees with the metrics', async () => {
    expect(readdirSync(run).sort()).toEqual([...runFiles, 'model.mobinet.safetensors']);
    expect(readFileSync(join(run, 'best.safetensors')).equals(readFileSync(checkpoint))).toBe(true);
    const evaluate = ['evaluate', data, '--json', '--workers', '1', '--model'];
    const [packed, trained] = await askAll([
      // A run's folder stands for its packed model.
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

  test('trains and packs a float twin like any network', async () => {
    const out = join(folder, 'float');
    const { code, stdout, stderr } = await ask([
      ...['train', '--data', data, ...tiny, '--precision', 'float', '--epochs', '1', '--out', out],
    ]);
    expect(code, stderr).toBe(0);
    const { top1, top5, valLoss } = lastMetrics(out);
    const saved = join(out, 'model.mobinet.safetensors');
    const bytes = readFileSync(saved).length.toLocaleString('en-US');
    expect(stderr).toContain(`saved size   ${bytes} bytes\n`);
    // With three classes there is no top-5.
    expect(top5).toBeNull();
    expect(stdout.split('\n')).toEqual([
      `top-1   ${top1.toFixed(2)} %`,
      `best    ${top1.toFixed(2)} % in epoch 1, kept as ${join(out, 'best.safetensors')}`,
      `saved   ${saved}, ${bytes} bytes`,
      'check   logits of the saved file differ by at most 0 over 12 images',
      '',
    ]);
    const [evaluated, packed] = await askAll([
      ['evaluate', '--model', join(out, 'checkpoint.safetensors'), '--data', data, '--workers', '1', '--json'],
      ['evaluate', '--model', saved, '--data', data, '--workers', '1', '--json'],
    ]);
    const { loss, ...accuracy } = JSON.parse(evaluated.stdout);
    expect(accuracy).toEqual({ top1, top5, images: 12, skippedImages: 0 });
    // After such short training, the running statistics produce large numbers.
    expect(loss / valLoss).toBeCloseTo(1, 5);
    expect(JSON.parse(packed.stdout)).toEqual(JSON.parse(evaluated.stdout));
  });

  test('the example skips a broken image, names it, and prints one JSON object', async () => {
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
    expect(stderr).toContain('skipped images that could not be decoded: 1\n');
    expect(stderr).toMatch(/^epoch 1: .*\nepoch 2: /m);
  });

  test('stops after the step and saves at Ctrl-C; --resume finishes', async () => {
    const out = join(folder, 'interrupted');
    const start = ['train', '--data', data, ...tiny, '--epochs', '6', '--out', out];
    const stopped = await cli(start, { interruptAt: /^epoch 1: /m });
    expect(stopped.code, stopped.stderr).toBe(130);
    expect(stopped.stderr).toMatch(/stopping after this step .*\n.*stopped and saved\. Continue with --resume/s);
    expect(stopped.stdout).toBe('');
    expect(existsSync(join(out, 'model.mobinet.safetensors'))).toBe(false);
    expect(lastMetrics(out).epoch).toBeLessThan(6);

    // The checkpoint knows the location of its images, and may be trained for more epochs.
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

  test('predicts good images, names broken ones, and then fails', async () => {
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

  test('rejects images of another size with --no-resize', async () => {
    const [image] = imagesOf(readdirSync(join(data, 'val'))[0]);
    const { code, stdout, stderr } = await ask(['predict', '--model', model, '--json', '--no-resize', image]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '{"predictions":[]}\n' });
    expect(stderr).toMatch(/^error: skipped .*: it has 28 × 28 pixels, not the required 32 × 32\n$/);
  });

  test('names a broken image once, even if it is the only one', async () => {
    const broken = join(folder, 'no-image.png');
    writeFileSync(broken, 'no image');
    const { code, stdout, stderr } = await ask(['predict', '--model', model, '--json', broken]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '{"predictions":[]}\n' });
    expect(stderr).toMatch(/^error: .*no-image\.png.*\n$/);
  });

  test('shows the five most probable classes of many', async () => {
    const many = join(folder, 'untrained.safetensors');
    const architecture = [...tinyNetwork, '--classes', '10'];
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
