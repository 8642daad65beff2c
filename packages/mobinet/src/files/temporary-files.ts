import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasEnded, thisProcess } from './process-identity.js';

/**
 * A name for a temporary file or folder that identifies its process: once that has ended, it will never be completed.
 */
export function temporaryName(): string {
  const { host, pid, start } = thisProcess();
  return `.mobinet-${pid}-${start ?? 'unknown'}-${randomBytes(6).toString('hex')}@${host}.tmp`;
}

/**
 * Removes temporary files and folders of processes that were killed, which on a full disk may take the space that is
 * missing.
 */
export async function removeAbandoned(folder: string): Promise<void> {
  // A folder that cannot be listed may still be writable.
  for (const name of await readdir(folder).catch(() => [])) {
    const found = name.match(/^\.mobinet-(\d+)-(\d+|unknown)-[0-9a-f]+@(.*)\.tmp$/);
    if (!found) continue;
    const [, pid, start, host] = found;
    const owner = { host, pid: Number(pid), start: start === 'unknown' ? null : start };
    if (hasEnded(owner)) await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
  }
}
