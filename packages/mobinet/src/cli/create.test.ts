import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { unpackModel } from '../export/packed-model.js';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tinyRunIn } from './cli.test.helper.js';

const folder = sharedFolder();
const { ask } = commandLineIn(folder);
const { model, checkpoint } = tinyRunIn(folder, ask);

const template = fileURLToPath(new URL('../../templates/page', import.meta.url));

const filesIn = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();

describe('mobinet create', () => {
  test('writes the template and the model, with the name and the title', async () => {
    const title = 'Cats & <dogs> {{name}} $&';
    const { code, stdout, stderr } = await ask(['create', 'cat-or-dog', '--model', model, '--title', title]);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'cat-or-dog\n',
      stderr: 'Next: cd cat-or-dog && npm install && npm run dev\n',
    });
    const project = join(folder, 'cat-or-dog');
    expect(filesIn(project)).toEqual(
      [
        ...filesIn(template).map((name) => name.replace(/^gitignore$/, '.gitignore')),
        'model.mobinet.safetensors',
      ].sort(),
    );
    expect(readFileSync(join(project, 'model.mobinet.safetensors')).equals(readFileSync(model))).toBe(true);
    expect(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')).name).toBe('cat-or-dog');
    expect(readFileSync(join(project, 'README.md'), 'utf8')).toMatch(/^# cat-or-dog\n/);
    const page = readFileSync(join(project, 'index.html'), 'utf8');
    for (const tag of ['title', 'h1']) {
      expect(page).toContain(`<${tag}>Cats &amp; &lt;dogs&gt; {{name}} $&amp;</${tag}>`);
    }
    for (const name of ['src/main.ts', 'src/worker.ts', 'style.css', 'vite.config.ts']) {
      expect(readFileSync(join(project, name), 'utf8')).not.toContain('{{');
    }
  });

  test('packs the network of a checkpoint, and takes the title from the name', async () => {
    mkdirSync(join(folder, 'my-page'));
    const { code, stdout } = await ask(['create', 'my-page', '--model', checkpoint, '--json']);
    expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 0, folder: 'my-page', name: 'my-page' });
    const bytes = readFileSync(join(folder, 'my-page/model.mobinet.safetensors'));
    const [packed, trained] = [bytes, readFileSync(model)].map((file) => unpackModel(file));
    expect(packed.info).toEqual(trained.info);
    for (const network of [packed, trained]) network.dispose();
    expect(readFileSync(join(folder, 'my-page/index.html'), 'utf8')).toContain('<title>My page</title>');
  });

  test('the project uses this version of the package, and the Vite that it is tested with', () => {
    const json = (path: string) => createRequire(import.meta.url)(path);
    const { dependencies, devDependencies } = json('../../templates/page/package.json');
    expect(dependencies).toEqual({ mobinet: json('../../package.json').version });
    expect(devDependencies).toEqual({ vite: json('../../../../package.json').devDependencies.vite });
  });
});
