import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// What is published, as a stranger's project finds it: packed, installed beside nothing else, imported and bundled.

const packages = ['tensor', 'autograd', 'bnn', 'mobinet'];
const published = ['@mobinet/tensor', '@mobinet/autograd', '@mobinet/bnn', 'mobinet'];
const repository = fileURLToPath(new URL('../../..', import.meta.url));
/** Where the bundlers and the oldest TypeScript are installed. */
const consumers = pathToFileURL(join(repository, 'consumers/package.json'));
const project = mkdtempSync(join(tmpdir(), 'mobinet-project-'));

const npm = (cwd: string, ...args: string[]): string => execFileSync('npm', args, { cwd, encoding: 'utf8' });

beforeAll(() => {
  const tarballs = join(project, 'tarballs');
  mkdirSync(tarballs);
  npm(
    repository,
    'pack',
    '--silent',
    ...packages.flatMap((name) => ['-w', `packages/${name}`]),
    '--pack-destination',
    tarballs,
  );
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  const files = readdirSync(tarballs).map((file) => join(tarballs, file));
  expect(files).toHaveLength(packages.length);
  // Types of Node as old as the oldest TypeScript reads them.
  const nodeTypes = `@types/node@${createRequire(import.meta.url)('@types/node/package.json').version}`;
  npm(project, 'install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', nodeTypes, ...files);
}, 300_000);

const page = `
  import { imageFromRgba, loadPacked } from 'mobinet';
  const model = await loadPacked('model.mobinet.safetensors');
  window.predict = (imageData) => model.predict([imageFromRgba(imageData)]);`;

beforeAll(() => writeFileSync(join(project, 'page.js'), page));

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
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: project,
      encoding: 'utf8',
    });
    expect(said.trim()).toBe('true 3');
    expect(npm(project, 'exec', '--', 'mobinet', '--version').trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('bring sharp to decode pictures, and nothing of get-pixels, whose old request has known faults', () => {
    const brought = npm(project, 'ls', '--omit=dev', '--all', '--parseable').split('\n');
    const names = brought.map((path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
    expect(names).toContain('sharp');
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
    const said = (env: NodeJS.ProcessEnv): string =>
      execFileSync(process.execPath, ['decode.js'], { cwd: project, encoding: 'utf8', env });
    expect(said(process.env).trim()).toBe('1,8,8,3');
    // Without sharp, which this stands for, and without get-pixels, which nobody has installed here.
    expect(said({ ...process.env, MOBINET_DECODER: 'get-pixels' })).toMatch(
      /^no image decoder could be loaded \(get-pixels: .*\)\. Install one: npm install sharp, or npm install get-pixels .*\n$/,
    );
  });

  test('serve the demo, isolated, with the model that is named', async () => {
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
        const [said] = await once(child.stdout, 'data');
        const { url } = JSON.parse(String(said));
        const page = await fetch(url);
        expect(page.headers.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
        expect(page.headers.get('Cross-Origin-Embedder-Policy')).toBe('require-corp');
        expect(await page.text()).toContain('<title>A network of single bits</title>');
        const served = await fetch(new URL('model.mobinet.safetensors', url));
        expect(Buffer.from(await served.arrayBuffer()).equals(readFileSync(model))).toBe(true);
        expect((await fetch(new URL('none.js', url))).status).toBe(404);
        if (model === own) continue;
        // A second one on the same port is told so.
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

  test('say who may use them and how; a GPU in Node takes a package of 131 MB, which is asked for', () => {
    const licence = readFileSync(join(repository, 'LICENSE'), 'utf8');
    for (const name of published) {
      const folder = join(project, 'node_modules', name);
      expect(readFileSync(join(folder, 'LICENSE'), 'utf8')).toBe(licence);
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
      'error: WebGPU is not available: the package webgpu is not installed: npm install webgpu. Use the CPU, or see docs/gpu.md.\n',
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
    // From TypeScript 6 on, the DOM has types of WebGPU: no others may be beside them.
    const inBrowser = {
      ...strict,
      ...{ module: 'esnext', moduleResolution: 'bundler', customConditions: ['browser'] },
      ...{ lib: ['es2022', 'dom'], types: [] },
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
    ])('that TypeScript %s reads in %s, without skipLibCheck', (version, where, from, code, compilerOptions) => {
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

  test('hold no tests, and no maps to sources that are not there', () => {
    for (const name of published) {
      const files = readdirSync(join(project, 'node_modules', name), { recursive: true, encoding: 'utf8' });
      expect(files.filter((file) => /\.test\./.test(file))).toEqual([]);
      const own = new Set(files);
      for (const map of files.filter((file) => file.endsWith('.js.map'))) {
        expect(own, `${name} lacks the source of ${map}`).toContain(
          map.replace(/^dist/, 'src').replace(/\.js\.map$/, '.ts'),
        );
      }
    }
  });

  describe('are bundled for a page', () => {
    /** What Vite makes of a page's script. */
    async function bundleOf(name: string, script: string) {
      const root = join(project, name);
      mkdirSync(root);
      writeFileSync(join(root, 'index.html'), '<script type="module" src="page.js"></script>');
      writeFileSync(join(root, 'page.js'), script);
      const warnings: string[] = [];
      const { output } = (await build({
        root,
        logLevel: 'silent',
        build: { target: 'esnext', rolldownOptions: { onwarn: ({ message }) => warnings.push(message) } },
      })) as Rolldown.RolldownOutput;
      expect(warnings).toEqual([]);
      const chunks = output.filter((file) => file.type === 'chunk');
      const scripts = output.filter(({ fileName }) => fileName.endsWith('.js'));
      const contents = scripts.map((file) => (file.type === 'chunk' ? file.code : Buffer.from(file.source).toString()));
      return {
        modules: chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => id.includes('node_modules')),
        contents,
        entry: join(root, 'dist', chunks.find(({ isEntry }) => isEntry)!.fileName),
        gzipped: contents.reduce((sum, content) => sum + gzipSync(content).length, 0),
      };
    }

    /** What the README says of it. */
    function expectSaid(gzipped: number, sentence: RegExp): void {
      const [, said] = sentence.exec(readFileSync(join(repository, 'README.md'), 'utf8').replaceAll('\n', ' '))!;
      expect(Math.abs(gzipped / 1000 - Number(said)), `${gzipped} bytes`).toBeLessThan(5);
    }

    test('that only runs a network: small, and without what trains, needs Node or a GPU', async () => {
      const { modules, contents, gzipped } = await bundleOf('runs', page);
      const foreign = modules.filter((id) => !/node_modules\/(@mobinet\/\w+|mobinet)\//.test(id));
      expect(foreign).toEqual([]);
      expect(
        modules.filter((id) => /training|optimizers|onnx|loader|decode|wgsl|conv(olution|2d)-gradient|random/.test(id)),
      ).toEqual([]);
      for (const content of contents) expect(content).not.toMatch(/from ?["']node:|import\(["']node:/);
      expect(gzipped).toBeLessThan(60_000);
      expectSaid(gzipped, /only runs networks is (\d+) kB gzipped/);
    });

    test('that runs it on a GPU, with all kernels of its operations', async () => {
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
      expectSaid(gzipped, /only runs networks is \d+ kB gzipped, or (\d+) kB with the kernels for GPUs/);
    });

    test('that trains, with the gradient rules that have files of their own, and kernels for what it evaluates', async () => {
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
      // All that Vite asks a page for.
      const browser = 'globalThis.document = { createElement: () => ({ relList: { supports: () => true } }) };';
      const program = `${browser} await import(${JSON.stringify(pathToFileURL(entry).href)});`;
      const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
      expect(said).toBe('bitConv2d true\n');
    });
  });

  describe('are bundled without a warning', () => {
    const load = createRequire(consumers);
    const entry = join(project, 'page.js');
    const folder = join(project, 'bundles');

    test('by plain Rollup, which knows no CommonJS', async () => {
      const { rollup } = load('rollup') as {
        rollup(options: object): Promise<{ generate(options: object): Promise<{ output: { code: string }[] }> }>;
      };
      const { default: nodeResolve } = load('@rollup/plugin-node-resolve');
      const warnings: string[] = [];
      const onLog = (_: string, { code, message }: { code: string; message: string }): void => {
        // Rollup tells of modules that call each other, too, which is no fault.
        if (code !== 'CIRCULAR_DEPENDENCY') warnings.push(message);
      };
      const bundle = await rollup({ input: entry, plugins: [nodeResolve({ browser: true })], onLog });
      const { output } = await bundle.generate({ format: 'es' });
      expect(warnings).toEqual([]);
      expect(output[0].code).not.toMatch(/\bmodule\.exports\b|\brequire\(/);
    });

    test('by esbuild', async () => {
      const { build } = load('esbuild') as {
        build(options: object): Promise<{ warnings: unknown[]; errors: unknown[] }>;
      };
      const options = {
        bundle: true,
        format: 'esm',
        target: 'es2022',
        outdir: join(folder, 'esbuild'),
        logLevel: 'silent',
      };
      const { warnings, errors } = await build({ ...options, minify: true, entryPoints: [entry] });
      expect({ warnings, errors }).toEqual({ warnings: [], errors: [] });
      // Beyond 244 KiB webpack warns.
      expect(statSync(join(folder, 'esbuild/page.js')).size).toBeLessThan(244 * 1024);
    });

    test('by webpack, with the file of the threads', async () => {
      interface Report {
        readonly warnings: unknown[];
        readonly errors: unknown[];
        readonly chunks: unknown[];
      }
      type Stats = { toJson(options: object): Report };
      const webpack = load('webpack') as (options: object, done: (error: Error | null, stats: Stats) => void) => void;
      const options = {
        ...{ mode: 'production', context: project, entry, output: { path: join(folder, 'webpack') } },
        // To make it small takes webpack long, and esbuild has told already how small it gets.
        ...{ optimization: { minimize: false }, performance: false },
      };
      const wanted = { all: false, warnings: true, errors: true, chunks: true };
      const { warnings, errors, chunks } = await new Promise<Report>((resolve, reject) =>
        webpack(options, (error, stats) => (error ? reject(error) : resolve(stats.toJson(wanted)))),
      );
      expect({ warnings, errors }).toEqual({ warnings: [], errors: [] });
      expect(chunks).toHaveLength(2);
    });
  });
});
