import { DataError } from '../data/errors.js';
import { saveFile } from '../files/save-file.js';
import { printResult, say, writeResult } from './output.js';
import { exitingOnSignals } from './program.js';

/** The help text for --out of commands that write a file. */
export const orStdout = 'file to write, or - for stdout';

/**
 * Saves the file that a command makes and prints its size: to stdout, or to stderr if stdout receives the file itself.
 */
export async function saveResult(out: string, bytes: Uint8Array, json = false): Promise<void> {
  const text = json
    ? JSON.stringify({ file: out, bytes: bytes.byteLength })
    : `${out}, ${bytes.byteLength.toLocaleString('en-US')} bytes`;
  if (out === '') throw new RangeError('the name of the output file is empty');
  if (out !== '-') {
    await exitingOnSignals(saveFile(out, bytes));
    printResult(text);
    return;
  }
  if (process.stdout.isTTY)
    throw new DataError('not writing a binary file to a terminal. Redirect the output with > FILE');
  writeResult(bytes);
  say(text);
}

/** Like `saveResult`, for a text file, which a terminal can show. */
export async function saveText(out: string, text: string, json = false): Promise<void> {
  if (out === '-') printResult(...text.trimEnd().split('\n'));
  else await saveResult(out, new TextEncoder().encode(text), json);
}
