/** A section of docs/help.md: the page on what newcomers stumble over, which every package contains. */
export type HelpSection =
  | 'edit-without-build'
  | 'wrong-shape'
  | 'wrong-dtype'
  | 'operators'
  | 'forgotten-await'
  | 'forgotten-dispose'
  | 'use-after-dispose'
  | 'nan-loss'
  | 'accuracy-at-chance'
  | 'images-not-found'
  | 'out-of-memory'
  | 'no-gpu'
  | 'one-thread'
  | 'missing-parameters'
  | 'packing-refused'
  | 'run-folder';

const start = '\nSee docs/help.md#';

/**
 * Adds a last line to the message of an error: the section of docs/help.md that explains it.
 *
 * @example
 * ```ts
 * import { withHelp } from '@mobinet/tensor/kernels';
 *
 * console.log(withHelp('the rows have different lengths', 'wrong-shape'));
 * // → the rows have different lengths
 * // → See docs/help.md#wrong-shape
 * ```
 */
export function withHelp(message: string, section: HelpSection): string {
  return `${message}${start}${section}`;
}

/**
 * Splits a message into its text and the line that `withHelp` has added; null if it has none. A message that quotes
 * another one quotes its text.
 *
 * @example
 * ```ts
 * import { splitHelp, withHelp } from '@mobinet/tensor/kernels';
 *
 * const { text, help } = splitHelp(withHelp('the rows have different lengths', 'wrong-shape'));
 * console.log(text.length, help);
 * // → 31 See docs/help.md#wrong-shape
 * ```
 */
export function splitHelp(message: string): { readonly text: string; readonly help: string | null } {
  const at = message.lastIndexOf(start);
  return at < 0 ? { text: message, help: null } : { text: message.slice(0, at), help: message.slice(at + 1) };
}
