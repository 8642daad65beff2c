/** What in a folder is no image of a class. */
export type IgnoreReason =
  | 'hidden files'
  | 'files of formats that are not read'
  | 'files with no extension of an image'
  | 'files beside the folders of classes'
  | 'links that lead nowhere'
  | 'folders that are read already'
  | 'what is neither file nor folder';

/** Counts what is ignored in a data set, so that it can be said in one line. */
export class IgnoredFiles {
  readonly #counts = new Map<IgnoreReason, { count: number; example: string }>();

  add(reason: IgnoreReason, path: string): void {
    const known = this.#counts.get(reason);
    if (known) known.count++;
    else this.#counts.set(reason, { count: 1, example: path });
  }

  /** "hidden files (3, such as a/.b), links that lead nowhere (1, such as a/c)", or null if there is nothing to say. */
  describe(): string | null {
    if (this.#counts.size === 0) return null;
    return Array.from(this.#counts, ([reason, { count, example }]) => `${reason} (${count}, such as ${example})`).join(
      ', ',
    );
  }
}
