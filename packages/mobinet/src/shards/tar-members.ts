import { DataError } from '../data/errors.js';

/** A file in a tar archive. */
export interface TarMember {
  readonly name: string;
  /** Where its bytes begin in the archive, and how many there are. */
  readonly start: number;
  readonly length: number;
}

/** Reads `length` bytes of an archive, or fewer at its end. */
export type ReadAt = (start: number, length: number) => Buffer;

const block = 512;

/**
 * Lists the files in a tar archive by reading its headers only: ustar, with the extensions of POSIX (pax) and GNU for
 * long names and large files.
 *
 * @param path What errors call the archive.
 * @throws DataError if a header is damaged, or the archive ends within a file.
 */
export function* tarMembers(path: string, read: ReadAt, bytes: number): Generator<TarMember> {
  let extended: { path?: string; size?: number } = {};
  let last = 'its beginning';
  for (let at = 0; at < bytes; ) {
    const header = read(at, block);
    // Archives end with blocks of zeros.
    if (header.length === block && header.every((byte) => byte === 0)) return;
    if (!isHeader(header)) {
      throw new DataError(`${path} is damaged after ${last}: there is no tar header at byte ${at}. ${copyAgain}`);
    }
    const type = String.fromCharCode(header[156]);
    const name = extended.path ?? nameOf(header);
    const length = extended.size ?? sizeOf(header);
    const start = at + block;
    last = name;
    if (start + length > bytes) throw new DataError(`${path} is cut off within ${name}. ${copyAgain}`);
    if (type === 'L') extended = { ...extended, path: text(read(start, length)) };
    else if (type === 'x') extended = { ...extended, ...paxRecords(read(start, length)) };
    else {
      if (type === '0' || type === '\0' || type === '7') yield { name, start, length };
      // A global header (g) does not end what is known about the next file.
      if (type !== 'g') extended = {};
    }
    at = start + Math.ceil(length / block) * block;
  }
  throw new DataError(`${path} is cut off after ${last}: the end of the archive is missing. ${copyAgain}`);
}

/** The remedy for damaged shards. */
export const copyAgain = 'Copy or pack it again';

/** Whether the sum of a header's bytes is the one that it contains. The sum counts itself as eight spaces. */
function isHeader(header: Buffer): boolean {
  if (header.length < block) return false;
  let sum = 8 * 32;
  for (let i = 0; i < block; i++) if (i < 148 || i >= 156) sum += header[i];
  return sum === octal(header, 148, 8);
}

function nameOf(header: Buffer): string {
  const name = text(header.subarray(0, 100));
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? text(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Sizes of 8 GiB and more do not fit into 11 octal digits. GNU tar then sets the first bit and writes them in binary. */
function sizeOf(header: Buffer): number {
  return header[124] & 0x80 ? header.readUIntBE(130, 6) : octal(header, 124, 12);
}

const octal = (header: Buffer, at: number, length: number): number =>
  Number.parseInt(text(header.subarray(at, at + length)).trim() || '0', 8);

/** Text up to the first zero byte. */
function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** The records `LENGTH KEY=VALUE\n` of a pax header, as far as they matter here. */
function paxRecords(bytes: Buffer): { path?: string; size?: number } {
  const records: { path?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = Number(bytes.toString('latin1', at, space));
    if (space < 0 || !(length > 0)) break;
    const [, key, value] = /^([^=]*)=(.*)$/s.exec(bytes.toString('utf8', space + 1, at + length - 1)) ?? [];
    if (key === 'path') records.path = value;
    if (key === 'size') records.size = Number(value);
    at += length;
  }
  return records;
}
