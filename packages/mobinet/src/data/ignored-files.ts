/** Why something in a folder is no image of a class. Each is followed by a count and an example. */
export type IgnoreReason =
  | 'hidden'
  | 'of formats that are not read'
  | 'with no extension of an image'
  | 'beside the folders of classes'
  | 'links that lead nowhere'
  | 'folders that are read already'
  | 'neither files nor folders';

/** Counts what is ignored in a data set, so that it can be said in one line. */
export class IgnoredFiles {
  readonly #counts = new Map<IgnoreReason, { count: number; example: string }>();

  add(reason: IgnoreReason, path: string): void {
    const known = this.#counts.get(reason);
    if (known) known.count++;
    else this.#counts.set(reason, { count: 1, example: path });
  }

  /** "3 hidden (such as a/.b), 1 links that lead nowhere (such as a/c)", or null if there is nothing to say. */
  describe(): string | null {
    if (this.#counts.size === 0) return null;
    return Array.from(this.#counts, ([reason, { count, example }]) => `${count} ${reason} (such as ${example})`).join(
      ', ',
    );
  }
}
