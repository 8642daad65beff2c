/**
 * Characters that a terminal obeys instead of showing: control codes (C0, DEL, C1), which can color, move and
 * overwrite text, line breaks, which can forge lines, and marks that change the text direction.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find.
const unprintable = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Makes a text safe to print as one line on a terminal, whatever names it contains: characters that a terminal would
 * obey are escaped as in JSON, such as `\u001b`. JSON that is escaped this way stays the same data.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (code) => `\\u${code.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
