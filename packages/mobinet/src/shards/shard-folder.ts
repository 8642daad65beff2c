import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, messageOf } from '../data/errors.js';
import { isHidden, listFolder } from '../data/folder-images.js';
import { listShard } from './list-shard.js';
import { indexFile, readIndex, type Shard, type ShardIndex, saveIndex } from './shard-index.js';
import { copyAgain } from './tar-members.js';

/** The names of the shards in a folder, in order; none if there is no such folder. */
export function shardsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return listFolder(folder)
    .filter((entry) => !isHidden(entry) && entry.name.endsWith('.tar'))
    .map(({ name }) => name);
}

/** Whether a folder holds shards itself. */
export const holdsShards = (folder: string): boolean => shardsIn(folder).length > 0;

/**
 * Opens a folder of shards by its index. If it has none, as with shards of other programs, the index is made from the
 * headers of the shards and saved beside them, if possible.
 *
 * @throws DataError, one line, if the shards cannot be read, are damaged, or are not those of the index.
 */
export async function openShardFolder(folder: string, onWarning: (message: string) => void): Promise<ShardIndex> {
  const files = shardsIn(folder);
  if (files.length === 0) throw new DataError(`${folder} holds no shards. It must contain .tar files`);
  if (files.some((name) => /train/i.test(name)) && files.some((name) => /val|test/i.test(name))) {
    throw new DataError(
      `the shards in ${folder} look like those of several splits. Move them to ${join(folder, 'train')} and ${join(folder, 'val')}`,
    );
  }
  const index = readIndex(folder) ?? (await makeIndex(folder, files, onWarning));
  const { packing } = index;
  if (packing && packing.done < packing.images) {
    throw new DataError(
      `${folder} is not complete: it has ${packing.done} of ${packing.images} images. Run pack-data again, which continues`,
    );
  }
  const remedy = packing ? 'Copy or pack the images again' : `Remove ${join(folder, indexFile)} to have it made again`;
  const known = new Set(index.shards.map(({ file }) => file));
  const other = files.find((file) => !known.has(file));
  if (other !== undefined) throw new DataError(`${join(folder, other)} is not in the index of its folder. ${remedy}`);
  for (const shard of index.shards) checkSize(folder, shard);
  return index;
}

/** Checks the size of a shard, so that one that is missing or cut off is found before hours of work. */
export function checkSize(folder: string, { file, bytes, names, starts, lengths }: Shard): void {
  const path = join(folder, file);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new DataError(`the shard ${path} is missing. ${copyAgain}`);
  if (size === bytes) return;
  const cut = names.findIndex((_, i) => starts[i] + lengths[i] > size);
  const where = cut < 0 ? '' : `, so it is cut off within ${names[cut]}`;
  throw new DataError(`${path} has ${size} bytes, not the ${bytes} of its index${where}. ${copyAgain}`);
}

async function makeIndex(
  folder: string,
  files: readonly string[],
  onWarning: (message: string) => void,
): Promise<ShardIndex> {
  const index = { classes: null, packing: null, shards: files.map((file) => listShard(join(folder, file))) };
  const made = `${folder} had no ${indexFile}, so it was made from the headers of its shards (${files.length})`;
  try {
    await saveIndex(folder, index);
    onWarning(`${made} and saved`);
  } catch (error) {
    onWarning(`${made}, but could not be saved and will be made again next time: ${messageOf(error)}`);
  }
  return index;
}
