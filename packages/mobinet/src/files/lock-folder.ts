import { unlinkSync } from 'node:fs';
import { link, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataError } from '../data/errors.js';
import { hasEnded, type ProcessIdentity, thisProcess } from './process-identity.js';
import { temporaryName } from './temporary-files.js';
import { hasCode } from './write-error.js';

/** A folder that belongs to this process alone, until it is released. */
export interface FolderLock {
  release(): void;
}

/** Who has a folder, as its lock says; null where the lock cannot be read. */
type Owner = (ProcessIdentity & { readonly since: string }) | null;

interface Found {
  readonly generation: number;
  readonly file: string;
  readonly owner: Owner;
}

/**
 * Locks a folder: among those who do, one has it at a time. The lock is a file that says whose it is. That of a process which has ended does not
 * count; who takes over does not remove it first, but makes the one of the next generation, which can be made only once. So of several
 * who find a stale lock at the same time, one wins.
 *
 * @throws DataError if another process has it, or this one already.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  for (;;) {
    const found = await locksIn(folder);
    refuseIfHeld(folder, found);
    const generation = 1 + Math.max(0, ...found.map((lock) => lock.generation));
    const file = join(folder, nameOf(generation));
    // Somebody was faster: look at who it is.
    if (!(await createOnce(file, JSON.stringify({ ...thisProcess(), since: new Date().toISOString() })))) continue;
    const lock = held(file);
    try {
      // Whoever has looked before an older lock was released, and comes late, may have made one of another generation: then both see the other here.
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
      // It was released a moment ago.
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
    const who = owner ? `process ${owner.pid} on ${owner.host} has it since ${owner.since}` : 'it is locked';
    throw new DataError(
      `${folder} is in use: ${who}. Wait for that run, or choose another --out. If no such process runs any more, remove ${file}`,
    );
  }
}

/** Makes a file with this text in one go, so that nobody sees a part of it. @returns Whether it was not there before. */
async function createOnce(file: string, text: string): Promise<boolean> {
  const draft = join(dirname(file), temporaryName());
  try {
    await writeFile(draft, text, { flag: 'wx', flush: true });
    await link(draft, file).catch((error: unknown) => {
      if (!hasCode(error, 'EPERM', 'ENOTSUP', 'ENOSYS')) throw error;
      // No file can have two names here, as on FAT. Somebody may then see a lock that is still empty, and takes it for one that is held.
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

/** The lock in `file`, which goes with this process at the latest. */
function held(file: string): FolderLock {
  const release = (): void => {
    process.off('exit', release);
    try {
      unlinkSync(file);
    } catch {
      // The folder was removed, or cannot be written to any more: then the lock is that of a process that has ended, and does not count.
    }
  };
  process.on('exit', release);
  return { release };
}
