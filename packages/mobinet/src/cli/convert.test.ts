import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSafetensors, dispose, encodeSafetensors } from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tinyNetwork, tinyRunIn } from './cli.test.helper.js';

// Commands that read a trained network and write or measure it in another form.

const folder = sharedFolder();
const { ask, askAll } = commandLineIn(folder);
const { data, run, model, checkpoint } = tinyRunIn(folder, ask);

describe('export', () => {
  test('turns a checkpoint into the packed model of its run', async () => {
    mkdirSync(join(folder, 'exports'));
    const out = join(folder, 'exports', 'photos.safetensors');
    const { code, stdout, stderr } = await ask(['export', '--checkpoint', run, '--out', out]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/photos\.safetensors, [\d,]+ bytes\n$/);
    expect(readFileSync(out).equals(readFileSync(model))).toBe(true);
  });

  test('takes class names from a file, if their number is right', async () => {
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
    expect(refused.stderr).toMatch(/^error: .*others\.txt names 2 classes, but the network has 3\n$/);
    expect(existsSync(join(exports, 'none'))).toBe(false);
  });

  test('writes the same ONNX model for a checkpoint and for its packed model', async () => {
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

  test('writes a float twin as ONNX, to the default file', async () => {
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

describe('import', () => {
  const imports = join(folder, 'imports');
  const weights = join(imports, 'weights.safetensors');
  const classNames = join(imports, 'classes.txt');

  beforeAll(() => {
    mkdirSync(imports);
    const { tensors } = decodeSafetensors(readFileSync(checkpoint));
    // The averages of the weights are what the packed model holds.
    const prefix = 'average.';
    const own = [...tensors].filter(([name]) => name.startsWith(prefix));
    writeFileSync(
      weights,
      encodeSafetensors(new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]))),
    );
    dispose(tensors);
    writeFileSync(classNames, `${readdirSync(join(data, 'val')).sort().join('\n')}\n`);
  });

  test("turns a checkpoint's averaged floats into the packed model of its run", async () => {
    const out = join(imports, 'photos.safetensors');
    const described = [...tinyNetwork, '--class-names', classNames, '--resize', '32'];
    const { code, stdout, stderr } = await ask(['import', weights, ...described, '--out', out, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ file: out, bytes: readFileSync(out).byteLength });
    expect(readFileSync(out).equals(readFileSync(model))).toBe(true);
  });

  test('stores the normalization of images, and refuses a wrong number of class names', async () => {
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

describe('bench', () => {
  test('reports the time of the network and of each layer', async () => {
    const [json, table] = await askAll([
      ['bench', model, '--threads', '1', '--batch', '2', '--seconds', '0.1', '--json'],
      ['bench', model, '--threads', '2', '--seconds', '0.1'],
    ]);
    expect({ code: json.code, stderr: json.stderr }).toEqual({ code: 0, stderr: '' });
    const { layers, milliseconds, imagesPerSecond, ...result } = JSON.parse(json.stdout);
    // The products of this network are too small for a choice of kernels.
    expect(result).toEqual({ model, batch: 2, threads: 1, runs: expect.any(Number), kernels: [] });
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
