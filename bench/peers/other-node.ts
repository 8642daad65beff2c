import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { peersFolder } from './environment.js';

/** Another version of Node, in which our programs also run. */
export interface OtherNode {
  readonly path: string;
  /** Such as Node v26.10.0 */
  readonly version: string;
}

/** The Node of long-term support that `npm run bench:install-peers` installed, if it is not the one that runs this. */
export function findOtherNode(): OtherNode | null {
  const path = join(peersFolder, 'node_modules/node/bin/node');
  try {
    const version = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return version === process.version ? null : { path, version: `Node ${version}` };
  } catch {
    return null;
  }
}
