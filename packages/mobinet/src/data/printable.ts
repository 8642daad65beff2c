/**
 * What a terminal obeys in place of showing it: control codes (C0, DEL, C1), by which a text colours, moves and overwrites, line
 * breaks, by which it forges lines, and marks that turn the direction of what follows.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const unprintable = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * A text as one line that is safe on a terminal, whoever has chosen the names in it: what a terminal would obey is shown as JSON
 * writes it, such as `\u001b`. So JSON that goes through it stays the same data.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (code) => `\\u${code.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
