import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Bundle,
  bundleWithEsbuild,
  bundleWithRollup,
  bundleWithVite,
  bundleWithWebpack,
} from './bundlers.test.helper.js';
import { describeCreatedPage } from './created-page.test.helper.js';
import { consumers, installPublished, npm, published, repository } from './published.test.helper.js';

// Tests what is published, as the project of a user finds it: packed, installed, imported and bundled.

const page = `
  import { imageFromRgba, loadPacked } from 'mobinet';
  const model = await loadPacked('model.mobinet.safetensors');
  window.predict = (imageData) => model.predict([imageFromRgba(imageData)]);`;

const project = mkdtempSync(join(tmpdir(), 'mobinet-project-'));

let archives: readonly string[];

beforeAll(() => {
  archives = installPublished(project);
  writeFileSync(join(project, 'page.js'), page);
}, 600_000);

afterAll(() => rmSync(project, { recursive: true }));

describe('the published packages', () => {
  test('are imported in Node, and the command runs', () => {
    const program = `
      import { Tensor } from '@mobinet/tensor';
      import { Kernel } from '@mobinet/tensor/kernels';
      import { valueAndGradient } from '@mobinet/autograd';
      import { defineUpdate } from '@mobinet/autograd/kernels';
      import { binaryConv2d } from '@mobinet/bnn';
      import { foldedOutputTransform } from '@mobinet/bnn/kernels';
      import { createMoBiNet, packModel, loadPacked, train } from 'mobinet';
      import { resize } from 'mobinet/kernels';
      const packed = await loadPacked(packModel(createMoBiNet({ width: 0.25, imageSize: 32, classes: 3 })));
      const [classes] = await packed.predict([{ width: 40, height: 32, pixels: new Uint8Array(40 * 32 * 3) }]);
      const all = [Tensor, Kernel, valueAndGradient, defineUpdate, binaryConv2d, foldedOutputTransform, train, resize];
      console.log(all.every((it) => typeof it === 'function'), classes.length);`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: project,
      encoding: 'utf8',
    });
    expect(output.trim()).toBe('true 3');
    expect(npm(project, 'exec', '--', 'mobinet', '--version').trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('install sharp and koffi, but not get-pixels, which depends on an old version of request with known vulnerabilities', () => {
    const installed = npm(project, 'ls', '--omit=dev', '--all', '--parseable').split('\n');
    const names = installed.map((path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
    expect(names).toEqual(expect.arrayContaining(['sharp', 'koffi']));
    for (const name of ['get-pixels', 'request', '@cypress/request', 'form-data', 'qs', 'tough-cookie', 'jpeg-js']) {
      expect(names).not.toContain(name);
    }
    const picture = fileURLToPath(new URL('../fixtures/lossless.webp', import.meta.url));
    const program = `
      import { Rng } from '@mobinet/tensor';
      import { ImageLoader } from 'mobinet';
      const source = { length: 1, label: () => 0, name: String, image: () => ${JSON.stringify(picture)} };
      const loader = new ImageLoader(source, { batchSize: 1, size: 8, rng: Rng.fromSeed(0), workers: 1 });
      try {
        for await (const { images } of loader.epoch(0)) console.log(images.shape.join());
      } catch ({ message }) { console.log(message); }
      await loader.close();`;
    writeFileSync(join(project, 'decode.js'), program);
    const run = (env: NodeJS.ProcessEnv): string =>
      execFileSync(process.execPath, ['decode.js'], { cwd: project, encoding: 'utf8', env });
    expect(run(process.env).trim()).toBe('1,8,8,3');
    // Asking for get-pixels, which is not installed here, is the same as having no decoder.
    expect(run({ ...process.env, MOBINET_DECODER: 'get-pixels' })).toMatch(
      /^no image decoder could be loaded \(get-pixels: .*\)\. Install one: npm install sharp, or npm install get-pixels .*\n$/,
    );
  });

  test('export a script that runs a network', () => {
    const bin = join(project, 'node_modules/mobinet/bin/mobinet.js');
    const flags = ['--untrained', '--width', '0.0625', '--k', '1', '--classes', '3', '--format', 'js'];
    execFileSync(process.execPath, [bin, 'export', ...flags], { cwd: project });
    const program = "import { classes } from './model.js'; console.log(classes.length);";
    const args = ['--input-type=module', '-e', program];
    expect(execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8' })).toBe('3\n');
  });

  test('serve the demo with cross-origin isolation and the requested model', async () => {
    const shipped = join(project, 'node_modules/mobinet/demo/model.mobinet.safetensors');
    const own = join(project, 'own.safetensors');
    const bin = join(project, 'node_modules/mobinet/bin/mobinet.js');
    execFileSync(process.execPath, [bin, 'export', '--untrained', '--width', '0.0625', '--k', '1', '--out', own]);
    for (const [flags, model] of [
      [[], shipped],
      [['--model', own], own],
    ] as const) {
      const child = spawn(process.execPath, [bin, 'serve-demo', '--port', '0', '--json', ...flags], { cwd: project });
      try {
        const [output] = await once(child.stdout, 'data');
        const { url } = JSON.parse(String(output));
        const page = await fetch(url);
        expect(page.headers.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
        expect(page.headers.get('Cross-Origin-Embedder-Policy')).toBe('require-corp');
        expect(await page.text()).toContain('<title>A network of single bits</title>');
        const served = await fetch(new URL('model.mobinet.safetensors', url));
        expect(Buffer.from(await served.arrayBuffer()).equals(readFileSync(model))).toBe(true);
        expect((await fetch(new URL('none.js', url))).status).toBe(404);
        if (model === own) continue;
        // A second server on the same port fails with a clear error.
        const { port } = new URL(url);
        const second = spawnSync(process.execPath, [bin, 'serve-demo', '--port', port], {
          cwd: project,
          encoding: 'utf8',
        });
        expect(second.status).toBe(1);
        expect(second.stderr).toBe(
          `error: port ${port} is already in use. Choose another --port, or 0 for any free port\n`,
        );
      } finally {
        child.kill();
      }
    }
  });

  test('contain a license and a readme, and ask for the package webgpu, of 131 MB, only where Node needs a GPU', () => {
    const license = readFileSync(join(repository, 'LICENSE'), 'utf8');
    for (const name of published) {
      const folder = join(project, 'node_modules', name);
      expect(readFileSync(join(folder, 'LICENSE'), 'utf8')).toBe(license);
      expect(readFileSync(join(folder, 'README.md'), 'utf8')).toContain(`npm install ${name}`);
      expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).toMatchObject({
        license: 'MIT',
        engines: { node: '>=20.19' },
        keywords: expect.arrayContaining([expect.any(String)]),
      });
    }
    const bin = join(project, 'node_modules/mobinet/bin/mobinet.js');
    const { status, stderr } = spawnSync(process.execPath, [bin, 'train', '--data', 'photos', '--device', 'webgpu'], {
      cwd: project,
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toBe(
      'error: WebGPU is not available: the package webgpu is not installed: npm install webgpu. Use the CPU.\nSee docs/help.md#no-gpu\n',
    );
  });

  describe('have types', () => {
    const uses = `
      import { Tensor, useBackend, type UnsharedBytes } from '@mobinet/tensor';
      import { Kernel, Shader } from '@mobinet/tensor/kernels';
      import { valueAndGradient } from '@mobinet/autograd';
      import { binaryConv2d } from '@mobinet/bnn';
      import { createMoBiNet, loadPacked, packModel } from 'mobinet';
      const bytes: UnsharedBytes = packModel(createMoBiNet());
      export const exports = [Tensor, useBackend, Kernel, Shader, valueAndGradient, binaryConv2d, loadPacked, bytes];`;
    const strict = { noEmit: true, strict: true, skipLibCheck: false, target: 'es2022' };
    const inNode = { ...strict, module: 'nodenext', lib: ['es2022'], types: ['node'] };
    // From TypeScript 6 on, the types of the DOM include WebGPU and conflict with any other types of it.
    const inBrowser = {
      ...strict,
      module: 'esnext',
      moduleResolution: 'bundler',
      customConditions: ['browser'],
      lib: ['es2022', 'dom'],
      types: [],
    };

    test.each([
      [
        '5.4',
        'Node',
        consumers,
        `${uses} export { train } from 'mobinet'; export { serveSite } from 'mobinet/cli';`,
        inNode,
      ],
      [
        '7',
        'Node',
        import.meta.url,
        `${uses} export { train } from 'mobinet'; export { serveSite } from 'mobinet/cli';`,
        inNode,
      ],
      ['7', 'a browser', import.meta.url, `${uses} new Blob([bytes]);`, inBrowser],
    ])('that TypeScript %s accepts for %s, without skipLibCheck', (version, where, from, code, compilerOptions) => {
      const name = `types-${version}-${where.replace(' ', '-')}`;
      writeFileSync(join(project, `${name}.ts`), code);
      writeFileSync(join(project, `${name}.json`), JSON.stringify({ compilerOptions, files: [`${name}.ts`] }));
      const compiler = join(dirname(createRequire(from).resolve('typescript/package.json')), 'bin/tsc');
      const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', `${name}.json`], {
        cwd: project,
        encoding: 'utf8',
      });
      expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
    });
  });

  test('follow the conventions of npm, bundlers and TypeScript: publint and "Are the types wrong?" find nothing', async () => {
    for (const archive of archives) {
      const bytes = readFileSync(archive);
      const { messages } = await publint({ pack: { tarball: bytes.buffer.slice(0) as ArrayBuffer }, strict: true });
      expect(messages, archive).toEqual([]);
      const result = await checkPackage(createPackageFromTarballData(bytes));
      // The packages are modules, which require cannot load in old versions of Node, nor resolve without exports.
      const ofModules = ({ kind, ...where }: Problem): boolean =>
        kind !== 'CJSResolvesToESM' && !('resolutionKind' in where && /node10|node16-cjs/.test(where.resolutionKind));
      expect(result.types && result.problems.filter(ofModules), archive).toEqual([]);
    }
  });

  test.each([
    ['mobinet-tensor', 1550],
    ['mobinet-autograd', 270],
    ['mobinet-bnn', 300],
    ['mobinet', 1700],
  ])('are no larger than they have to be: %s', (name, kilobytes) => {
    const archive = archives.find((file) => basename(file).replace(/-\d.*/, '') === name)!;
    expect(statSync(archive).size / 1000).toBeLessThan(kilobytes);
  });

  test('contain no tests, and no source maps without their sources', () => {
    for (const name of published) {
      const files = readdirSync(join(project, 'node_modules', name), { recursive: true, encoding: 'utf8' });
      expect(files.filter((file) => /\.test\./.test(file))).toEqual([]);
      for (const map of files.filter((file) => file.endsWith('.js.map'))) {
        const path = join(project, 'node_modules', name, map);
        const { sources }: { sources: string[] } = JSON.parse(readFileSync(path, 'utf8'));
        const missing = sources.filter((source) => !existsSync(join(dirname(path), source)));
        expect(missing, `${name} lacks sources of ${map}`).toEqual([]);
      }
    }
  });

  describe('are bundled for a page', () => {
    async function bundleOf(name: string, script: string): Promise<Bundle> {
      const bundle = await bundleWithVite(join(project, name), script);
      expect(bundle.warnings).toEqual([]);
      return bundle;
    }

    /** Checks a size that README.md quotes in kB. */
    function expectQuoted(gzipped: number, sentence: RegExp): void {
      const [, quoted] = sentence.exec(readFileSync(join(repository, 'README.md'), 'utf8').replaceAll('\n', ' '))!;
      expect(Math.abs(gzipped / 1000 - Number(quoted)), `${gzipped} bytes`).toBeLessThan(5);
    }

    test('that only runs a network: small, without code for training, Node or GPUs', async () => {
      const { modules, contents, gzipped } = await bundleOf('runs', page);
      const foreign = modules.filter((id) => !/node_modules\/(@mobinet\/\w+|mobinet)\//.test(id));
      expect(foreign).toEqual([]);
      expect(
        modules.filter((id) => /training|optimizers|onnx|loader|decode|wgsl|gradient|random|fluent/.test(id)),
      ).toEqual([]);
      for (const content of contents) expect(content).not.toMatch(/from ?["']node:|import\(["']node:/);
      expect(gzipped).toBeLessThan(60_000);
      expectQuoted(gzipped, /only runs networks is (\d+) kB gzipped/);
    });

    test('that runs a network on a GPU, with all GPU kernels that it needs', async () => {
      const { modules, gzipped } = await bundleOf(
        'gpu',
        `import '@mobinet/bnn/webgpu';
         import { useBackend } from '@mobinet/tensor';
         await useBackend('auto');
         ${page}`,
      );
      for (const kernel of ['conv2d', 'bits', 'pool', 'folded-output-transform', 'sign-thresholds']) {
        expect(modules.filter((id) => id.endsWith(`/${kernel}.wgsl.js`))).toHaveLength(1);
      }
      expectQuoted(gzipped, /only runs networks is \d+ kB gzipped, or (\d+) kB with the kernels for GPUs/);
    });

    test.each([
      ['relu', []],
      ['sin', []],
      ['softmax', ['softmax']],
      ['sort', ['sort']],
      ['interpolate', ['resample']],
      ['layerNorm', ['norm']],
      ['dropout', ['dropout']],
      ['maxPool2d', ['pool']],
      ['matmul', ['matmul']],
      ['conv2d', ['conv2d', 'matmul']],
      ['einsum', ['linear-algebra', 'matmul']],
    ])('that calls %s has no other family of operations', async (name, own) => {
      const { modules } = await bundleOf(
        `calls-${name}`,
        `import { ${name} } from '@mobinet/tensor/functions'; globalThis.${name} = ${name};`,
      );
      const families = modules.flatMap((id) => /tensor\/dist\/ops\/([\w-]+)\//.exec(id)?.[1] ?? []);
      // What gradient rules consist of: arithmetic, sums, and changes of shape.
      const arithmetic = ['elementwise', 'reduce', 'shape'];
      expect([...new Set(families)].filter((family) => !arithmetic.includes(family)).sort()).toEqual(own);
    });

    test('that trains, with the gradient rules of convolutions, and with GPU kernels for evaluation', async () => {
      const { modules, entry } = await bundleOf(
        'trains',
        `import { binarySegment } from '@mobinet/bnn';
         import { bitConv2d, ones, packBits, withRecorder } from '@mobinet/tensor';
         globalThis.segment = binarySegment;
         const signs = packBits(ones([1, 1, 1, 1]));
         const record = ({ name, gradient }) => console.log(name, gradient !== null);
         withRecorder({ record }, () => bitConv2d(signs, signs));`,
      );
      expect(modules.filter((id) => id.endsWith('bnn/dist/folded-output-transform.wgsl.js'))).toHaveLength(1);
      // The only part of a page that Vite's code needs.
      const browser = 'globalThis.document = { createElement: () => ({ relList: { supports: () => true } }) };';
      const program = `${browser} await import(${JSON.stringify(pathToFileURL(entry).href)});`;
      const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
      expect(output).toBe('bitConv2d true\n');
    });
  });

  test('contain a loader of images in arrays for a page, without the decoders of Node', async () => {
    const { modules, contents, entry, warnings } = await bundleWithVite(
      join(project, 'arrays'),
      `import { dispose, Rng } from '@mobinet/tensor';
       import { ImageLoader, imagesFromArrays } from 'mobinet';
       const arrays = { height: 4, width: 4, pixels: new Uint8Array(3 * 48), labels: [0, 1, 0] };
       const loader = new ImageLoader(imagesFromArrays(arrays), { batchSize: 2, size: 4, rng: Rng.fromSeed(0) });
       for await (const batch of loader.epoch(0)) {
         console.log(batch.images.shape.join(), batch.labels.values.join());
         dispose(batch);
       }`,
    );
    expect(warnings).toEqual([]);
    expect(modules.filter((id) => /sharp|mobinet\/dist\/(shards|data\/(loader\.|decode))/.test(id))).toEqual([]);
    for (const content of contents) expect(content).not.toMatch(/from ?["']node:|import\(["']node:/);
    const browser = 'globalThis.document = { createElement: () => ({ relList: { supports: () => true } }) };';
    const program = `${browser} await import(${JSON.stringify(pathToFileURL(entry).href)});`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    expect(output).toBe('2,4,4,3 0,1\n1,4,4,3 0\n');
  });

  describe('are bundled without a warning', () => {
    test('by plain Rollup, which does not support CommonJS', async () => {
      const { code, warnings } = await bundleWithRollup(join(project, 'page.js'));
      expect(warnings).toEqual([]);
      expect(code).not.toMatch(/\bmodule\.exports\b|\brequire\(/);
    });

    test('by esbuild', async () => {
      const outfile = join(project, 'bundles/esbuild/page.js');
      const { warnings, errors, bytes } = await bundleWithEsbuild(join(project, 'page.js'), outfile);
      expect({ warnings, errors }).toEqual({ warnings: [], errors: [] });
      // webpack warns above 244 KiB.
      expect(bytes).toBeLessThan(244 * 1024);
    });

    test('by webpack, with a separate chunk for threads', async () => {
      const outputFolder = join(project, 'bundles/webpack');
      const { warnings, errors, chunks } = await bundleWithWebpack(project, join(project, 'page.js'), outputFolder);
      expect({ warnings, errors }).toEqual({ warnings: [], errors: [] });
      expect(chunks).toHaveLength(2);
    });
  });
});

describeCreatedPage(project, () => archives);
