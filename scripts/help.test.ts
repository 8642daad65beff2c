import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crossEntropy, GlobalAveragePool2d, Module, Parameter, Sequential, valueAndGradient } from '@mobinet/autograd';
import { add, exp, matmul, mul, ones, sum, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { type HelpSection, splitHelp } from '@mobinet/tensor/kernels';
import { packModel } from 'mobinet';
import { afterAll, describe, expect, test } from 'vitest';
import { refuseStale } from './lib/refuse-stale.js';

// Stumbles into everything that docs/help.md explains. The message must end with a pointer to the right section.

const root = join(import.meta.dirname, '..');
const mobinet = join(root, 'packages/mobinet/bin/mobinet.js');
const folder = mkdtempSync(join(tmpdir(), 'mobinet-help-'));

afterAll(() => rmSync(folder, { recursive: true }));

/** The message of the error that `body` throws. */
function messageOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

/** What a program prints to stderr. */
function stderrOf(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } }).stderr;
}

const run = (program: string, env?: Readonly<Record<string, string>>): string =>
  stderrOf(['--input-type=module', '-e', program], env);

const images = join(root, 'examples/data/fashion-mnist-subset');

/** Trains the smallest network on a few of the embedded images. */
const train = (...flags: string[]): string =>
  stderrOf([
    ...[mobinet, 'train', '--data', images, '--limit', '20', '--preset', 'small', '--width', '0.0625', '--k', '1'],
    ...['--batch', '4', '--epochs', '1', '--device', 'cpu', ...flags],
  ]);

/** Writes a package with one module, of which each file is as many seconds old as given, and runs its bundle. */
function runBundle(ages: Readonly<Record<string, number>>): string {
  const place = mkdtempSync(join(folder, 'package-'));
  const texts: Record<string, string> = {
    'dist/node/index.js': `(${refuseStale})(import.meta.url, ['ops/add.js']);`,
    'package.json': '{ "type": "module" }',
  };
  for (const [name, age] of Object.entries({ 'package.json': 0, ...ages })) {
    const file = join(place, 'packages/tensor', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, texts[name] ?? '');
    const time = Date.now() / 1000 - age;
    utimesSync(file, time, time);
  }
  return stderrOf([join(place, 'packages/tensor/dist/node/index.js')]);
}

/** The ages of the files of a package that was edited, compiled and bundled, in this order. */
const upToDate = {
  'src/ops/add.ts': 40,
  'dist/ops/add.js': 30,
  'tsconfig.tsbuildinfo': 20,
  'dist/node/index.js': 10,
};

class Hidden extends Module {
  readonly #scale = new Parameter(ones([3]));
  readonly shift = new Parameter(zeros([3]));

  override forward(x: Tensor): Tensor {
    return add(mul(x, this.#scale), this.shift);
  }
}

class Exponential extends Module {
  override forward(x: Tensor): Tensor {
    return exp(x);
  }
}

/** For each section, a stumble: it returns the message. */
const stumbles: Record<HelpSection, () => string> = {
  'edit-without-build': () => runBundle({ ...upToDate, 'src/ops/add.ts': 15 }),
  'wrong-shape': () => messageOf(() => matmul(ones([2, 3]), ones([4, 5]))),
  'wrong-dtype': () => messageOf(() => crossEntropy(ones([2, 2]), tensor([0, 1]) as Tensor<never>)),
  operators: () => messageOf(() => Number(ones([2]))),
  'forgotten-await': () => messageOf(() => add(Promise.resolve(ones([2])) as never, 1)),
  'forgotten-dispose': () =>
    run("import { zeros } from '@mobinet/tensor'; for (let step = 0; step < 200_000; step++) zeros([1]);"),
  'use-after-dispose': () => {
    const x = ones([3]);
    x.dispose();
    return messageOf(() => x.values);
  },
  'nan-loss': () => train('--lr', '1e30', '--out', join(folder, 'diverged')),
  'accuracy-at-chance': () => train('--out', join(folder, 'run')),
  'images-not-found': () => stderrOf([mobinet, 'train', '--data', folder]),
  'out-of-memory': () => messageOf(() => zeros([2 ** 30])),
  'no-gpu': () =>
    run(
      "import { useBackend } from '@mobinet/tensor'; await useBackend('webgpu').catch(({ message }) => console.error(message));",
      {
        VK_ICD_FILENAMES: '/nowhere.json',
        VK_DRIVER_FILES: '/nowhere.json',
      },
    ),
  'one-thread': () =>
    run(
      "globalThis.crossOriginIsolated = false; const { setThreads } = await import('@mobinet/tensor'); await setThreads(2);",
    ),
  'missing-parameters': () =>
    messageOf(() => valueAndGradient((model: Hidden) => sum(model.forward(ones([3]))))(new Hidden())),
  'packing-refused': () => {
    const network = new Sequential(new Exponential(), new GlobalAveragePool2d());
    return messageOf(() => packModel(network, { imageShape: [4, 4, 3] }));
  },
  'run-folder': () => train('--out', join(folder, 'run')),
};

const sections = Object.keys(stumbles) as HelpSection[];

describe('a stumble', () => {
  test.each(sections)('into %s points to its section', (section) => {
    const message = stumbles[section]().trimEnd();
    expect(splitHelp(message)).toEqual({ text: expect.stringMatching(/./), help: `See docs/help.md#${section}` });
  });
});

test('a report of a leak names the line of the program', () => {
  const program = `
import { Linear } from '@mobinet/autograd';
import { ones, reportLeaks, Rng } from '@mobinet/tensor';
reportLeaks();
const layer = new Linear(2, 1, { bias: false, rng: Rng.fromSeed(0) });
const forget = () => void layer.forward(layer.weight);
forget();
for (let attempt = 0; attempt < 5; attempt++) {
  gc();
  await new Promise((resolve) => setTimeout(resolve, 10));
}`;
  const [report] = stderrOf(['--expose-gc', '--input-type=module', '-e', program]).split('\n');
  expect(report).toMatch(/^a tensor of shape \[1, 1\] was never disposed\. It was made at forget \(file:.*:6:\d+\)$/);
});

test('a message names classes as their sources do, also in bundles', () => {
  const program = "import { concat, Rng } from '@mobinet/tensor'; concat(Rng.fromSeed(0));";
  expect(run(program)).toContain('concat: needs a list such as [a, b] of tensors, not a Rng\n');
});

describe('docs/help.md', () => {
  const page = readFileSync(join(root, 'docs/help.md'), 'utf8');

  test('has a section for each, and lists them all at its top', () => {
    const slug = (heading: string): string => heading.toLowerCase().replaceAll(' ', '-');
    expect(Array.from(page.matchAll(/^## (.*)$/gm), ([, heading]) => slug(heading))).toEqual(sections);
    expect(Array.from(page.matchAll(/^\|.*\(#(.*)\) \|$/gm), ([, anchor]) => anchor)).toEqual(sections);
  });

  test('is in each package', () => {
    for (const name of ['tensor', 'autograd', 'bnn', 'mobinet']) {
      expect(readFileSync(join(root, 'packages', name, 'docs/help.md'), 'utf8')).toBe(page);
    }
  });
});

describe('a bundle', () => {
  test.each([
    ['of compiled sources runs', {}, ''],
    ['whose source was edited refuses', { 'src/ops/add.ts': 15 }, 'packages/tensor/src/ops/add.ts was edited after'],
    [
      'whose module was compiled again refuses',
      { 'dist/ops/add.js': 5, 'tsconfig.tsbuildinfo': 4 },
      'src/ops/add.ts was compiled after it was',
    ],
    ['does not care about an edited test', { 'src/ops/add.test.ts': 1 }, ''],
    ['does not care about a compiled test', { 'dist/ops/add.test.js': 5, 'tsconfig.tsbuildinfo': 4 }, ''],
  ])('%s', (_, ages, expected) => {
    const message = runBundle({ ...upToDate, ...ages });
    if (expected === '') expect(message).toBe('');
    else expect(message).toContain(expected);
  });

  test('of a published package, where nothing was compiled, runs', () => {
    const { 'tsconfig.tsbuildinfo': _, ...published } = upToDate;
    expect(runBundle({ ...published, 'src/ops/add.ts': 1 })).toBe('');
  });
});
