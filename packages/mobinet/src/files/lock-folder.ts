import { unlinkSync } from 'node:fs';
import { link, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataError } from '../data/errors.js';
import { hasEnded, type ProcessIdentity, thisProcess } from './process-identity.js';
import { temporaryName } from './temporary-files.js';
import { hasCode } from './write-error.js';

/** A lock that gives this process exclusive use of a folder until it is released. */
export interface FolderLock {
  release(): void;
}

/** The process that a lock names as its owner; null if the lock cannot be parsed. */
type Owner = (ProcessIdentity & { readonly since: string }) | null;

interface Found {
  readonly generation: number;
  readonly file: string;
  readonly owner: Owner;
}

/**
 * Locks a folder, so that only one process uses it at a time. The lock is a file that names its owner. The lock of a
 * process that has ended is stale. A process that takes over does not remove it first, but creates the lock of the next
 * generation, which can be created only once. So of several processes that find a stale lock, only one wins.
 *
 * @throws DataError if another process, or this one, already holds the lock.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  for (;;) {
    const found = await locksIn(folder);
    refuseIfHeld(folder, found);
    const generation = 1 + Math.max(0, ...found.map((lock) => lock.generation));
    const file = join(folder, nameOf(generation));
    // Another process was faster. Look again, to name it in the error.
    if (!(await createOnce(file, JSON.stringify({ ...thisProcess(), since: new Date().toISOString() })))) continue;
    const lock = lockOf(file);
    try {
      // A slow process that looked before an older lock was released may have created a lock of another generation.
      // Then both processes see each other's lock here.
      const others = (await locksIn(folder)).filter((other) => other.generation !== generation);
      refuseIfHeld(folder, others);
      for (const stale of others) await unlink(stale.file).catch(() => {});
      return lock;
    } catch (error) {
      lock.release();
      throw error;
    }
  }
}

const nameOf = (generation: number): string => `run-${generation}.lock`;

async function locksIn(folder: string): Promise<Found[]> {
  const names = await readdir(folder);
  const locks = await Promise.all(
    names.map(async (name) => {
      const generation = Number(name.match(/^run-([1-9]\d*)\.lock$/)?.[1]);
      if (Number.isNaN(generation)) return [];
      const file = join(folder, name);
      const text = await readFile(file, 'utf8').catch((error: unknown) => {
        if (hasCode(error, 'ENOENT')) return null;
        throw error;
      });
      // The lock was released in the meantime.
      return text === null ? [] : [{ generation, file, owner: parse(text) }];
    }),
  );
  return locks.flat();
}

function parse(text: string): Owner {
  try {
    const { host, pid, start, since } = JSON.parse(text);
    const isOwner = typeof host === 'string' && Number.isSafeInteger(pid) && pid > 0;
    return isOwner ? { host, pid, start: typeof start === 'string' ? start : null, since: String(since) } : null;
  } catch {
    return null;
  }
}

function refuseIfHeld(folder: string, locks: readonly Found[]): void {
  for (const { file, owner } of locks) {
    if (owner && hasEnded(owner)) continue;
    const user = owner ? `process ${owner.pid} on ${owner.host} since ${owner.since}` : 'an unknown process';
    const remedy = `Wait for that run, or choose another --out. If that process has ended, remove ${file}`;
    throw new DataError(`${folder} is in use by ${user}. ${remedy}`, { help: 'run-folder' });
  }
}

/**
 * Creates a file with this text atomically, so that no process sees part of it.
 * @returns False if the file already existed.
 */
async function createOnce(file: string, text: string): Promise<boolean> {
  const draft = join(dirname(file), temporaryName());
  try {
    await writeFile(draft, text, { flag: 'wx', flush: true });
    await link(draft, file).catch((error: unknown) => {
      if (!hasCode(error, 'EPERM', 'ENOTSUP', 'ENOSYS')) throw error;
      // A file system without hard links, such as FAT. Another process may see an empty lock, and treats it as held.
      return writeFile(file, text, { flag: 'wx' });
    });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await unlink(draft).catch(() => {});
  }
}

/** The lock in `file`, which is released when this process exits at the latest. */
function lockOf(file: string): FolderLock {
  const release = (): void => {
    process.off('exit', release);
    try {
      unlinkSync(file);
    } catch {
      // The folder was removed or is no longer writable. The lock goes stale when this process ends.
    }
  };
  process.on('exit', release);
  return { release };
}
