import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename, posix } from 'node:path';
import { crc32 } from 'node:zlib';
import { DataError, unreadable } from '../data/errors.js';
import { imageExtensions } from '../data/image-extensions.js';
import type { Shard } from './shard-index.js';
import { type ReadAt, type TarMember, tarMembers } from './tar-members.js';

/**
 * Lists the images of a shard by reading its headers and labels. As in WebDataset, the files of an example are next to
 * each other and have the same path up to the first dot of their name: an image, and a `cls` with the number of its
 * class, counted from 0. Other files are ignored.
 *
 * @throws DataError if the shard cannot be read, is damaged, or an image has no label.
 */
export function listShard(path: string): Shard {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const open = file;
    const read: ReadAt = (start, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(open, buffer, 0, length, start));
    };
    return listImages(path, read, fstatSync(file).size);
  } catch (error) {
    throw error instanceof DataError ? error : unreadable(error, path, 'shard');
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Like `listShard`, for a shard in memory, and with checksums of its images. */
export function listShardBytes(path: string, bytes: Buffer): Shard {
  const shard = listImages(path, (start, length) => bytes.subarray(start, start + length), bytes.length);
  const checksums = shard.starts.map((start, i) => crc32(bytes.subarray(start, start + shard.lengths[i])));
  return { ...shard, checksums };
}

/** An example whose files have been read so far. */
interface Example {
  readonly key: string;
  image?: TarMember;
  label?: number;
}

function listImages(path: string, read: ReadAt, bytes: number): Shard {
  const shard = { file: basename(path), bytes, names: [], labels: [], starts: [], lengths: [] };
  const { names, labels, starts, lengths }: Omit<Shard, 'checksums'> = shard;
  const finish = ({ key, image, label }: Example): void => {
    if (!image) return;
    if (label === undefined) {
      throw new DataError(
        `${path}: ${image.name} has no label. A shard needs a ${key}.cls with the number of its class`,
      );
    }
    names.push(image.name);
    labels.push(label);
    starts.push(image.start);
    lengths.push(image.length);
  };
  let example: Example = { key: '' };
  for (const member of tarMembers(path, read, bytes)) {
    const { key, extension } = split(member.name);
    if (key !== example.key) {
      finish(example);
      example = { key };
    }
    if (extension === 'cls') example.label = readLabel(path, member, read);
    else if (imageExtensions.has(`.${extension}`)) example.image ??= member;
  }
  finish(example);
  if (names.length === 0) throw new DataError(`${path} holds no images. Give shards with KEY.jpg and KEY.cls in them`);
  return shard;
}

/** The key of a file's example, and its extension, which begins after the first dot of its name. */
function split(name: string): { key: string; extension: string } {
  const folder = posix.dirname(name);
  const [stem, ...rest] = posix.basename(name).split('.');
  return { key: folder === '.' ? stem : `${folder}/${stem}`, extension: rest.join('.').toLowerCase() };
}

function readLabel(path: string, { name, start, length }: TarMember, read: ReadAt): number {
  const text = read(start, Math.min(length, 32)).toString('latin1').trim();
  if (!/^\d{1,7}$/.test(text)) {
    throw new DataError(`${path}: ${name} is ${JSON.stringify(text)}, not the number of a class, counted from 0`);
  }
  return Number(text);
}
