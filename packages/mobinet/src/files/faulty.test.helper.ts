import { type FileSystem, nodeFileSystem } from './file-system.js';

type Operation = 'open' | 'write' | 'sync' | 'close' | 'rename' | 'link';

export interface Faults {
  /** Bytes that the disk still accepts. As on a real disk, the write that fills it is short, and the next one fails. */
  readonly room?: number;
  /** The most bytes that a single write accepts. */
  readonly longestWrite?: number;
  /** The error codes of operations that fail. All others succeed. */
  readonly errors?: Partial<Record<Operation, string>>;
  /** Bytes silently lost at the end of every file. */
  readonly loses?: number;
}

/** The real file system with injected faults. The files that it writes are real. */
export function faultyFileSystem({
  room = Infinity,
  longestWrite = Infinity,
  errors = {},
  loses = 0,
}: Faults): FileSystem {
  const failAt = (operation: Operation): void => {
    if (errors[operation]) throw systemError(errors[operation], operation);
  };
  let left = room;
  return {
    ...nodeFileSystem,
    async open(path, flags, mode) {
      failAt('open');
      const file = await nodeFileSystem.open(path, flags, mode);
      return {
        async write(bytes, offset) {
          failAt('write');
          if (left <= 0) throw systemError('ENOSPC', 'write');
          const end = Math.min(bytes.length, offset + Math.min(longestWrite, left));
          const { bytesWritten } = await file.write(bytes.subarray(0, end), offset);
          left -= bytesWritten;
          return { bytesWritten };
        },
        async sync() {
          failAt('sync');
          await file.sync();
        },
        async close() {
          await file.close();
          failAt('close');
        },
        stat: async () => ({ size: (await file.stat()).size - loses }),
        chown: (owner, group) => file.chown(owner, group),
        chmod: (mode) => file.chmod(mode),
      };
    },
    async link(from, to) {
      failAt('link');
      await nodeFileSystem.link(from, to);
    },
    async rename(from, to) {
      failAt('rename');
      await nodeFileSystem.rename(from, to);
    },
  };
}

function systemError(code: string, operation: string): Error {
  return Object.assign(new Error(`${code}: injected fault, ${operation}`), { code });
}
