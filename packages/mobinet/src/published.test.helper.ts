import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folders = ['tensor', 'autograd', 'bnn', 'mobinet'];

/** The names of the published packages. */
export const published = ['@mobinet/tensor', '@mobinet/autograd', '@mobinet/bnn', 'mobinet'];

export const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** The project in which the bundlers and the oldest TypeScript are installed. */
export const consumers = pathToFileURL(join(repository, 'consumers/package.json'));

export const npm = (cwd: string, ...args: string[]): string => execFileSync('npm', args, { cwd, encoding: 'utf8' });

/** Packs the packages into a new folder. @returns The paths of their archives. */
function packPublished(folder: string): string[] {
  mkdirSync(folder);
  const workspaces = folders.flatMap((name) => ['-w', `packages/${name}`]);
  npm(repository, 'pack', '--silent', ...workspaces, '--pack-destination', folder);
  const files = readdirSync(folder).map((file) => join(folder, file));
  if (files.length !== folders.length) throw new Error(`${files.length} packages were packed, not ${folders.length}`);
  return files;
}

/** Installs packages in a project, from npm's cache if they are there. */
export const install = (project: string, ...packages: string[]): string =>
  npm(project, 'install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...packages);

/**
 * Packs the packages and installs them in the empty folder `project`, as a user would.
 * @returns The paths of the packed packages.
 */
export function installPublished(project: string): string[] {
  const files = packPublished(join(project, 'tarballs'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  // The version that the repository uses, whose types the oldest supported TypeScript can read.
  const nodeTypes = `@types/node@${createRequire(import.meta.url)('@types/node/package.json').version}`;
  install(project, nodeTypes, ...files);
  return files;
}
