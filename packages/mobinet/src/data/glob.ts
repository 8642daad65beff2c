import picomatch from 'picomatch';
import type { Selection } from './folder-images.js';

/** A glob, such as `photos/*.jpg`, divided into the folder to search and what to find there. */
export interface Glob {
  /** The path in front of the first segment with wildcards. */
  readonly folder: string;
  readonly selection: Selection;
}

/**
 * Reads a glob as shells do: `*` and `?` match within a name, `**` any number of folders, `[ab]` one of these
 * characters, `{a,b}` one of these words, and a backslash escapes a character. Hidden files match only patterns with
 * the dot. On Windows and macOS, as in their file systems, case does not matter, and on Windows a backslash is a slash.
 *
 * @returns Null for a path without wildcards.
 */
export function parseGlob(text: string, platform: NodeJS.Platform = process.platform): Glob | null {
  const pattern = platform === 'win32' ? text.replaceAll('\\', '/') : text;
  const segments = pattern.split('/');
  const first = segments.findIndex((segment) => /[*?[{]/.test(segment.replace(/\\./g, '')));
  if (first < 0) return null;
  const path = segments.slice(0, first).map((segment) => `${segment.replace(/\\(.)/g, '$1')}/`);
  // Parentheses are ordinary characters: "photos (2)" is how systems name copies.
  const wild = segments.slice(first).filter((segment) => segment !== '');
  const glob = wild.join('/').normalize('NFC').replace(/[()]/g, '\\$&');
  const nocase = platform === 'win32' || platform === 'darwin';
  return {
    folder: path.join('') || '.',
    selection: {
      selects: picomatch(glob, { windows: false, nocase, nonegate: true, noextglob: true, literalBrackets: false }),
      // No match has more slashes than its pattern, except by **.
      depth: glob.includes('**') ? Number.POSITIVE_INFINITY : wild.length - 1,
    },
  };
}
