import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileSystem, nodeFileSystem } from './file-system.js';
import { saveFile } from './save-file.js';
import { temporaryName } from './temporary-files.js';
import { explained, hasCode } from './write-error.js';

/**
 * Gives a file a second name, which another file may have had before. That takes no room, and what stands under the second name stays when
 * the file is replaced under its first. Where a file system knows no second names, as FAT, the file is copied.
 *
 * @throws DataError, one line with the remedy, if that cannot be done.
 */
export async function linkFile(from: string, to: string, files: FileSystem = nodeFileSystem): Promise<void> {
  const draft = join(dirname(to), temporaryName());
  try {
    await files.link(from, draft);
    await files.rename(draft, to);
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK', 'EXDEV')) throw await explained(error, to);
    await saveFile(to, await readFile(from), files);
  } finally {
    // Renaming does nothing where both names are of one file already.
    await files.unlink(draft).catch(() => {});
  }
}
