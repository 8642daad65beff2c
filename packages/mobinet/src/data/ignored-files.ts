import { oneLine } from './errors.js';

/** Why an entry of a folder is not an image of a class. */
export type IgnoreReason =
  | 'hidden files'
  | 'images in unsupported formats'
  | 'files without an image extension'
  | 'files outside class folders'
  | 'broken links'
  | 'folders already read'
  | 'special files';

/** Counts the ignored files of a data set, so that one line can report them all. */
export class IgnoredFiles {
  readonly #counts = new Map<IgnoreReason, { count: number; example: string }>();

  add(reason: IgnoreReason, path: string): void {
    const known = this.#counts.get(reason);
    if (known) known.count++;
    else this.#counts.set(reason, { count: 1, example: path });
  }

  /**
   * A summary such as "hidden files (3, such as a/.b), broken links (1, such as a/c)", or null if nothing was ignored.
   */
  describe(): string | null {
    if (this.#counts.size === 0) return null;
    return Array.from(this.#counts, ([reason, { count, example }]) => `${reason} (${count}, such as ${example})`).join(
      ', ',
    );
  }

  /** Warns of all ignored files in one line, if there are any. `where` is the folder that holds them. */
  report(where: string, onWarning: (message: string) => void = console.warn): void {
    const what = this.describe();
    if (what !== null) onWarning(oneLine(`${where}: ignored ${what}`));
  }
}
