import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listChapters } from './lib/chapters.js';
import { root } from './lib/flags.js';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (script: string, ...args: string[]): Promise<Ended> => runIn(root, script, ...args);

function runIn(root: string, script: string, ...args: string[]): Promise<Ended> {
  const env = { ...process.env, MOBINET_SOLUTIONS: '', NO_COLOR: '1', FORCE_COLOR: undefined };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'scripts', script), ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

const chapters = listChapters();

describe.each(['chapter', 'exercise'])('npm run %s', (name) => {
  test('lists the chapters', async () => {
    const { code, stdout, stderr } = await run(`${name}.js`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: npm run ${name} <number>\n`);
    for (const { number, title } of chapters) expect(stdout).toContain(` ${number}  ${title}\n`);
    expect(await run(`${name}.js`, '--help')).toEqual({ code, stdout, stderr });
  });

  test('refuses what is not a chapter in one line that lists them', async () => {
    for (const wrong of ['0', '99', '1.5', 'spiral'])
      expect(await run(`${name}.js`, wrong)).toEqual({
        code: 1,
        stdout: '',
        stderr: `there is no chapter ${wrong}. The chapters are ${chapters.map(({ name }) => name).join(', ')}\n`,
      });
    expect(await run(`${name}.js`, '--fast')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^[^\n]+\n$/) });
  });

  test('ends quietly when nobody reads on', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.js`), '2'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

test('npm run chapter takes a number or the name of a folder', async () => {
  const { name } = chapters[0];
  const byName = await run('chapter.js', name);
  expect(byName).toMatchObject({ code: 0, stderr: '' });
  expect(await run('chapter.js', '1')).toEqual(byName);
});

test('every exercise fails as delivered, and its error says what is to do', async () => {
  const { code, stdout, stderr } = await run('exercise.js', ...chapters.map(({ name }) => name));
  expect(code).toBe(1);
  const [, failed, all] = /^ +Tests +(\d+) failed \((\d+)\)$/m.exec(stdout) ?? [];
  expect(failed, stdout).toBe(all);
  expect(Number(all)).toBeGreaterThanOrEqual(2 * chapters.length);
  // One error can be that of several tests, whose names are then listed before it.
  const errors = stderr.split(/(?:^ FAIL .*\n)+/m).slice(1);
  expect(errors.filter((error) => !error.includes('to do: '))).toEqual([]);
});

// Two small chapters, each with an exercise that is solved.
describe('an edit', () => {
  const workspace = mkdtempSync(join(tmpdir(), 'chapters-'));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(workspace, path)), { recursive: true });
    writeFileSync(join(workspace, path), text);
  };
  const solved = 'export const double = (x: number): number => 2 * x;\n';
  const restore = (): void => {
    for (const name of ['01-one', '02-two']) {
      write(`examples/${name}/README.md`, `# ${Number(name.slice(0, 2))}. ${name.slice(3)}\n`);
      write(`examples/${name}/chapter.ts`, "import { six } from './six.js';\nconsole.log(String(six));\n");
      write(`examples/${name}/six.ts`, 'export const six: number = 6;\n');
      write(`examples/${name}/exercise.ts`, solved);
      write(
        `examples/${name}/exercise.test.ts`,
        "import { expect, test } from 'vitest';\nimport { double } from './exercise.js';\n" +
          "test('doubles', () => expect(double(3)).toBe(6));\n",
      );
    }
  };

  beforeAll(() => {
    cpSync(join(root, 'scripts'), join(workspace, 'scripts'), {
      recursive: true,
      // Sources are not compiled here, but that of the setup belongs to its source map.
      filter: (path) => !/(?<!setup)\.ts$|scripts.\./.test(path),
    });
    symlinkSync(join(root, 'node_modules'), join(workspace, 'node_modules'), 'junction');
    cpSync(join(root, 'tsconfig.base.json'), join(workspace, 'tsconfig.base.json'));
    write('package.json', '{ "type": "module" }');
    write('tsconfig.json', '{ "files": [], "references": [{ "path": "examples" }] }');
    write('examples/tsconfig.json', '{ "extends": "../tsconfig.base.json", "include": ["*/*.ts"] }');
    restore();
  });
  afterAll(() => rmSync(workspace, { recursive: true }));

  const typeError = "export const six: number = '6';\n";
  const syntaxError = 'export const six = ;\n';
  const note = (file: string): string => `note: errors in ${file}, which nothing here imports: see npm run build\n`;

  test('shows at once', async () => {
    restore();
    expect(await runIn(workspace, 'chapter.js', '1')).toEqual({ code: 0, stdout: '6\n', stderr: '' });
    write('examples/01-one/six.ts', 'export const six = 7;\n');
    expect(await runIn(workspace, 'chapter.js', '1')).toEqual({ code: 0, stdout: '7\n', stderr: '' });
    write('examples/01-one/exercise.ts', 'export const double = (x: number): number => 3 * x;\n');
    expect(await runIn(workspace, 'exercise.js', '1')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('expected 9 to be 6'),
    });
  });

  test.each([typeError, syntaxError])('of a file that is not imported stops nothing: %s', async (code) => {
    restore();
    write('examples/01-one/chapter.ts', "console.log('edited');\n");
    write('examples/02-two/six.ts', code);
    const stderr = note('examples/02-two/six.ts');
    expect(await runIn(workspace, 'chapter.js', '1')).toEqual({ code: 0, stdout: 'edited\n', stderr });
    expect(await runIn(workspace, 'exercise.js', '1', '2')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 passed'),
      stderr,
    });
  });

  test.each([typeError, syntaxError])('of an imported file must compile: %s', async (code) => {
    restore();
    write('examples/01-one/six.ts', code);
    write('examples/02-two/six.ts', typeError);
    write('examples/02-two/exercise.ts', `${solved}${code}`);
    const stopped = (file: string): Ended => ({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(new RegExp(`^${file}:\\d+:\\d+ - error TS\\d+: .*\n\n\\d ${code}.*~+\n$`)),
    });
    expect(await runIn(workspace, 'chapter.js', '1')).toEqual(stopped('examples/01-one/six.ts'));
    expect(await runIn(workspace, 'exercise.js', '2')).toEqual(stopped('examples/02-two/exercise.ts'));
  });
});
