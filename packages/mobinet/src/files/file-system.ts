import * as fs from 'node:fs/promises';

/** The file system calls that writing a file makes. Tests substitute a faulty implementation. */
export interface FileSystem {
  open(path: string, flags: string, mode?: number): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

/** An open file. */
export interface OpenFile {
  write(bytes: Uint8Array, offset: number): Promise<{ readonly bytesWritten: number }>;
  chown(owner: number, group: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  sync(): Promise<void>;
  stat(): Promise<{ readonly size: number }>;
  close(): Promise<void>;
}

/** The real file system. */
export const nodeFileSystem: FileSystem = fs;
