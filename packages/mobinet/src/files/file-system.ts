import * as fs from 'node:fs/promises';

/** What writing a file asks of the file system: a seam, at which tests put in one that fails. */
export interface FileSystem {
  open(path: string, flags: string, mode?: number): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

export interface OpenFile {
  write(bytes: Uint8Array, offset: number): Promise<{ readonly bytesWritten: number }>;
  chown(owner: number, group: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  sync(): Promise<void>;
  stat(): Promise<{ readonly size: number }>;
  close(): Promise<void>;
}

/** The real one. */
export const nodeFileSystem: FileSystem = fs;
