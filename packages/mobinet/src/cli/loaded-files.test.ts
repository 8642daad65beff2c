import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const command = join(root, 'packages/mobinet/bin/mobinet.js');
const model = join(root, 'examples/web/public/model.mobinet.safetensors');
const image = join(root, 'examples/web/public/samples/bag.png');
const folder = sharedFolder();

/** The files that a program loads, on all of its threads, as V8's coverage lists them. */
function filesOf(name: string, ...args: string[]): string[] {
  const coverage = join(folder, name);
  const env = { ...process.env, NODE_V8_COVERAGE: coverage };
  execFileSync(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const reports = readdirSync(coverage).map((file) => JSON.parse(readFileSync(join(coverage, file), 'utf8')));
  const urls: string[] = reports.flatMap(({ result }) => result.map(({ url }: { url: string }) => url));
  return [...new Set(urls)].filter((url) => url.startsWith('file:'));
}

/** The packages of others among files. */
const foreign = (files: readonly string[]): string[] => {
  const names = files.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  return [...new Set(names)].sort();
};

/** The modules that bundles consist of, by their source maps: such as `training/step.ts`. */
const modulesIn = (bundles: readonly string[]): string[] => {
  const maps = bundles.map((url) => `${fileURLToPath(url)}.map`).filter((map) => existsSync(map));
  return maps
    .flatMap((map) => JSON.parse(readFileSync(map, 'utf8')).sources as string[])
    .map((source) => source.replace('../../src/', ''));
};

/** What decoding threads need. */
const decoder = ['@img/colour', 'detect-libc', 'semver', 'sharp'];

describe('few files are loaded', () => {
  test('by importing the package', () => {
    const files = filesOf('import', '--input-type=module', '--eval', "import 'mobinet'");
    expect(files.length).toBeGreaterThan(10);
    // What the package shares with a command or with a part that is loaded later, such as MPI, is a file of its own.
    expect(files.length).toBeLessThan(52);
    const [arrays, threads] = [
      ['iota-array', 'is-buffer', 'ndarray'],
      ['after-all', 'once', 'worker-threads-pool', 'wrappy'],
    ];
    expect(foreign(files)).toEqual([...arrays, ...threads, 'modern-tar'].sort());
  });

  test('by predicting an image', () => {
    const files = filesOf('predict', command, 'predict', '--model', model, image);
    const others = foreign(files).filter((name) => !decoder.includes(name) && !name.startsWith('@img/'));
    expect(others).toContain('commander');
    for (const name of ['onnx-proto', 'vega', '@bufbuild/protobuf', 'cli-table3', 'cli-progress', 'fast-png']) {
      expect(others).not.toContain(name);
    }
    const own = files.filter((url) => !url.includes('/node_modules/'));
    expect(own.length).toBeLessThan(75);
    const modules = modulesIn(own);
    expect(modules).toContain('export/packed-model.ts');
    expect(modules.filter((name) => /^distributed\/mpi\/|^training\/(train|epoch|step)\.ts$/.test(name))).toEqual([]);
    // Only the decoding thread loads the decoder.
    expect(foreign(files)).toEqual(expect.arrayContaining(decoder));
  });

  test('by printing help', () => {
    const names = foreign(filesOf('help', command, '--help'));
    expect(names).toContain('commander');
    for (const name of ['onnx-proto', 'vega', 'vega-lite', 'sharp', 'webgpu']) expect(names).not.toContain(name);
  });
});
