import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { type BuildFailure, build } from 'esbuild';
import { root, stop } from './flags.js';

const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

/** The file that an error is in. Some errors, such as those of a `tsconfig.json`, are in none. */
const fileOf = (error: string): string | undefined => /^(\S.*):\d+:\d+ - error /.exec(error)?.[1];

/**
 * Compiles what has changed. Errors in the given programs, or in modules that they import, end the script. Errors in
 * other files, such as an exercise that is half solved, are mentioned in one line: the compiler has written JavaScript
 * nevertheless.
 *
 * @param programs Compiled files, relative to the root folder.
 */
export async function compile(programs: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '-b', '--pretty'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status === 0) return;
  // The errors of all projects, which may have a code frame each, and then a summary.
  const [output] = stripVTControlCharacters(stdout).split(/^Found \d+ errors?\b/m);
  const errors = output.split(/^(?=\S.*\berror TS\d+: )/m).map((text) => text.trim());
  const imported = await sourcesOf(programs);
  const fatal = errors.filter((error) => {
    const file = fileOf(error);
    return !file || imported.has(file);
  });
  if (fatal.length > 0) stop(`${fatal.join('\n\n')}${stderr}`);
  const files = [...new Set(errors.map(fileOf))];
  const more = files.length > 3 ? ` and ${files.length - 3} more files` : '';
  console.error(
    `note: errors in ${files.slice(0, 3).join(', ')}${more}, which nothing here imports: see npm run build`,
  );
}

/** The sources of programs and of all modules of this repository that they import, or those whose syntax is wrong. */
async function sourcesOf(programs: readonly string[]): Promise<Set<string>> {
  const bundle = build({
    absWorkingDir: root,
    entryPoints: programs.map((path) => `./${path}`),
    outdir: 'unwritten',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    conditions: ['mobinet-unbundled'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'other packages stay outside',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^[^.]/ }, ({ path }) => ({ external: !/^@?mobinet\b/.test(path) })),
      },
    ],
  });
  const modules = await bundle.then(
    ({ metafile }) => Object.keys(metafile.inputs),
    ({ errors }: BuildFailure) => errors.map(({ location }) => location!.file),
  );
  return new Set(modules.map((path) => path.replace(/^(packages\/\w+)\/dist\//, '$1/src/').replace(/\.js$/, '.ts')));
}
