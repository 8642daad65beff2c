import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Conv2d, GlobalAveragePool2d, Linear, Sequential } from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { Rng } from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { packModel } from '../export/pack.js';
import { unpackModel } from '../export/packed-model.js';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn } from './cli.test.helper.js';

// A network unknown to the command line is trained through the file that defines it. Its packed file, which contains
// the program of the network, then runs without that file.

const folder = sharedFolder();
const { ask, cli } = commandLineIn(folder);
const images = copyImages(join(folder, 'images'));
const classes = readdirSync(join(images, 'val')).sort();
const file = join(folder, 'own.mobinet.safetensors');

function ownNetwork(channels = 3): Sequential {
  const rng = Rng.fromSeed(1);
  return new Sequential(
    new Conv2d(channels, 8, { rng }),
    new BinaryConv2d(8, 8, { stride: 2, rng }),
    new GlobalAveragePool2d(),
    new Linear(8, 3, { rng }),
  ).label();
}

beforeAll(() => {
  writeFileSync(file, packModel(ownNetwork(), { imageShape: [28, 28, 3], classes }));
});

describe('a packed file of an unknown network', () => {
  test('predicts', async () => {
    const ofOneClass = join(images, 'val', classes[1]);
    const [name] = readdirSync(ofOneClass);
    const { code, stdout } = await ask(['predict', '--model', file, '--json', join(ofOneClass, name)]);
    expect(code).toBe(0);
    const [{ classes: found }] = JSON.parse(stdout).predictions;
    expect(found.map(({ name }: { name: string }) => name).sort()).toEqual(classes);
  });

  test('is evaluated', async () => {
    const { code, stdout } = await ask(['evaluate', '--model', file, '--data', images, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ images: 12, top5: null });
  });

  test('is refused if its images are not RGB', async () => {
    const gray = join(folder, 'gray.mobinet.safetensors');
    writeFileSync(gray, packModel(ownNetwork(1), { imageShape: [28, 28, 1] }));
    const { code, stderr } = await ask(['evaluate', '--model', gray, '--data', images]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: .*gray.*: its images have shape \[28,28,1\], but the command line supports only square RGB images\n$/,
    );
  });

  test('has the class names of the file', () => {
    const network = unpackModel(packModel(ownNetwork(), { imageShape: [28, 28, 3], classes }));
    expect(network.info).toEqual({ classes });
    expect(network).toMatchObject({ classCount: 3, imageShape: [28, 28, 3] });
    expect(() => packModel(ownNetwork(), { imageShape: [28, 28, 3], classes: ['a', 'b'] })).toThrow(
      'classes must be a list of 3 names',
    );
    network.dispose();
  });
});

const urlOf = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/** Writes a file that defines a network as users do, except for the paths of the libraries. */
function define(name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `import { Conv2d, GlobalAveragePool2d, Linear, Module, Sequential } from ${urlOf('../../../autograd/dist/index.js')};
     import { BinaryConv2d } from ${urlOf('../../../bnn/dist/index.js')};
     import { exp, mul, Rng, wholeNumbers } from ${urlOf('../../../tensor/dist/index.js')};
     import { defineNetwork } from ${urlOf('../index.js')};
     ${body}`,
  );
  return path;
}

const plain = `{
  name: 'plain',
  options: {
    channels: { help: 'channels of all layers', default: 8, range: wholeNumbers(1, 64) },
    padding: { help: 'what surrounds signs', default: 'one', choices: ['one', 'zero'] },
  },
  presets: { small: { imageSize: 28 } },
  make({ channels, padding, classes, seed }) {
    const rng = Rng.fromSeed(seed);
    return new Sequential(
      new Conv2d(3, channels, { rng }),
      new BinaryConv2d(channels, channels, { stride: 2, paddingValue: padding, rng }),
      new GlobalAveragePool2d(),
      new Linear(channels, classes, { rng }),
    );
  },
}`;

describe('a kind of network defined in a file', () => {
  const network = define('plain.mjs', `export default defineNetwork(${plain});`);
  const small = ['--network', network, '--data', images, '--preset', 'small', '--batch', '8', '--workers', '1'];
  const run = join(folder, 'run');

  test('has its options as flags, with their help', async () => {
    const { stdout } = await ask(['summary', '--network', network, '--help']);
    expect(stdout).toMatch(/--channels <number> +channels of all layers \(default: 8\)/);
    expect(stdout).toMatch(/--padding <name> +what surrounds signs \(default: one\) \(choices: "one",\s+"zero"\)/);
    expect(stdout).not.toContain('--stem-stride');
  });

  test('is summarized and drawn without training', async () => {
    const flags = ['summary', '--network', network, '--channels', '16', '--size', '28', '--classes', '3'];
    const { stdout } = await ask([...flags, '--json']);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ binaryParameters: 16 * 9 * 16, binaryMultiplyAdds: 14 ** 2 * 16 * 9 * 16 });
    expect(summary.layers.map(({ kind }: { kind: string }) => kind)).toEqual([
      'conv 3×3',
      'binary conv 3×3, stride 2',
      'linear',
    ]);
    const drawing = await ask([...flags, '--graph', 'plain.mmd', '--json']);
    expect(JSON.parse(drawing.stdout)).toMatchObject({ file: 'plain.mmd' });
    const lines = readFileSync(join(folder, 'plain.mmd'), 'utf8').split('\n');
    expect(lines[0]).toBe('flowchart TD');
    expect(lines).toContainEqual(expect.stringMatching(/^ {4}v\d+\["binary conv 3×3, stride 2<br>14×14×16"\]$/));
    expect(lines.filter((line) => line.includes('-->')).length).toBeGreaterThanOrEqual(8);
  });

  test('is trained, packed, checked, resumed, evaluated and exported', async () => {
    const trained = await ask(['train', ...small, '--channels', '4', '--epochs', '1', '--out', run, '--json']);
    expect(trained).toMatchObject({ code: 0 });
    const { agreement, model, bytes } = JSON.parse(trained.stdout);
    expect(agreement).toEqual({ images: 12, largestDifference: 0 });
    expect(readFileSync(model).length).toBe(bytes);

    const resumed = await ask(['train', '--network', network, '--resume', run, '--epochs', '2', '--json']);
    expect(resumed).toMatchObject({ code: 0 });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ epoch: 2 });

    const checkpoint = join(run, 'checkpoint.safetensors');
    const [ofCheckpoint, ofPacked] = await Promise.all(
      [checkpoint, model].map((file) => ask(['evaluate', '--model', file, '--data', images, '--json'])),
    );
    expect(JSON.parse(ofCheckpoint.stdout)).toEqual(JSON.parse(ofPacked.stdout));

    const again = join(folder, 'again.mobinet.safetensors');
    expect(await ask(['export', '--checkpoint', run, '--out', again])).toMatchObject({ code: 0 });
    expect(readFileSync(again).equals(readFileSync(model))).toBe(true);
    const onnx = join(folder, 'plain.onnx');
    expect(await ask(['export', '--model', model, '--format', 'onnx', '--out', onnx])).toMatchObject({ code: 0 });
    const summaries = await Promise.all([run, model].map((file) => ask(['summary', '--model', file, '--json'])));
    expect(summaries[0].stdout).toBe(summaries[1].stdout);
    const bench = await ask(['bench', model, '--seconds', '0.01', '--json']);
    expect(JSON.parse(bench.stdout).layers).toHaveLength(3);
  }, 60_000);

  test('is not mistaken for another, and is asked for if it is missing', async () => {
    const other = await cli(['train', '--resume', run, '--k', '1']);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(
      /^error: .*unknown network "plain" \(registered: mobinet\)\. Pass the file that defines it with --network FILE, or call registerNetwork first\n$/,
    );
    const named = await ask(['train', '--network', 'mobinet', '--resume', run]);
    expect(named).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is a run of the network plain, not mobinet\n$/),
    });
  });

  test('is refused before training if it cannot be packed', async () => {
    const waved = plain.replace(
      'new GlobalAveragePool2d()',
      'new GlobalAveragePool2d(), new (class extends Module { forward(x) { return exp(x); } })()',
    );
    const file = define('waved.mjs', `export default defineNetwork(${waved.replace("'plain'", "'waved'")});`);
    const out = join(folder, 'waved');
    const outcome = await ask(['train', '--network', file, ...small.slice(2), '--epochs', '1', '--out', out]);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toMatch(/^error: .*packed files do not support exp\nSee docs\/help\.md#packing-refused\n$/);
    expect(existsSync(join(out, 'checkpoint.safetensors'))).toBe(false);
  });

  test('leaves no packed file if that disagrees with the trained network', async () => {
    const counted = plain.replace(
      'new GlobalAveragePool2d()',
      'new (class extends Module { forward(x) { this.calls = (this.calls ?? 0) + 1; return mul(x, this.calls); } })(), new GlobalAveragePool2d()',
    );
    const file = define('counted.mjs', `export default defineNetwork(${counted.replace("'plain'", "'counted'")});`);
    const out = join(folder, 'counted');
    const outcome = await ask(['train', '--network', file, ...small.slice(2), '--epochs', '1', '--out', out]);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(
      /\nerror: the packed network disagrees with the trained one .* must treat all images alike\n$/,
    );
    expect(existsSync(join(out, 'model.mobinet.safetensors'))).toBe(false);
    expect(existsSync(join(out, 'checkpoint.safetensors'))).toBe(true);
  }, 60_000);

  const wrong: [what: string, file: string, message: RegExp][] = [
    ['a missing file', join(folder, 'none.mjs'), /^error: there is no network file at .*none\.mjs\. Check the path$/],
    [
      'a file with a syntax error',
      define('broken.mjs', 'export default {'),
      /broken\.mjs: Unexpected end of input\. node --check .*broken\.mjs shows where$/,
    ],
    [
      'a file that exports something else',
      define('empty.mjs', 'export default 3;'),
      /empty\.mjs: a network must be made by defineNetwork, not 3$/,
    ],
    ['a folder', './', /^error: .* is a folder\. Name the network file in it$/],
    [
      'a file without a default export',
      define('named.mjs', 'export const network = 3;'),
      /named\.mjs: it has no default export\. Add one: export default defineNetwork/,
    ],
    [
      'a file that throws a value that is not an error',
      define('thrown.mjs', 'throw Object.create(null);'),
      /thrown\.mjs: a value that is not an error was thrown$/,
    ],
    ['an unknown name', 'lenet', /^error: unknown network "lenet" \(registered: mobinet/],
    [
      'a network that makes no module',
      define('none-made.mjs', "export default defineNetwork({ name: 'x', make: () => 5 });"),
      /^error: x: make must return a Module of @mobinet\/autograd, not 5$/,
    ],
    [
      'a name with a space',
      define('spaced.mjs', "export default defineNetwork({ name: 'a b', make() {} });"),
      /spaced\.mjs: defineNetwork: the name must be letters, digits, - and _, not "a b"$/,
    ],
  ];

  test('is refused if its file never finishes loading, or if two are given', async () => {
    const waiting = define('waiting.mjs', 'await new Promise(() => {});');
    const { code, stderr } = await cli(['summary', '--network', waiting]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^error: .*waiting\.mjs: its top-level await never settles\n/),
    });
    const twice = await ask(['summary', '--network', network, '--network', 'mobinet']);
    expect(twice).toMatchObject({
      code: 1,
      stderr: 'error: --network was given more than once. Choose one kind of network\n',
    });
  });

  test.each(wrong)('%s is refused in one line', async (_, file, message) => {
    const { code, stdout, stderr } = await ask(['summary', '--network', file]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});
