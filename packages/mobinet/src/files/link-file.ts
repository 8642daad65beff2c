import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileSystem, nodeFileSystem } from './file-system.js';
import { saveFile } from './save-file.js';
import { temporaryName } from './temporary-files.js';
import { explainWriteError, hasCode } from './write-error.js';

/**
 * Makes `to` a hard link to the file `from`, replacing any existing file `to`. The link takes no space, and keeps its
 * contents when `from` is later replaced by another file. On file systems without hard links, such as FAT, the file is
 * copied.
 *
 * @throws DataError, one line with the remedy, if that fails.
 */
export async function linkFile(from: string, to: string, files: FileSystem = nodeFileSystem): Promise<void> {
  const draft = join(dirname(to), temporaryName());
  try {
    await files.link(from, draft);
    await files.rename(draft, to);
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK', 'EXDEV')) throw await explainWriteError(error, to);
    await saveFile(to, await readFile(from), files);
  } finally {
    // If both names are links to the same file, renaming does nothing and the draft remains.
    await files.unlink(draft).catch(() => {});
  }
}
