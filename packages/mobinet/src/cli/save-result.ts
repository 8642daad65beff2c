import { DataError } from '../data/errors.js';
import { saveFile } from '../files/save-file.js';
import { printResult, say, writeResult } from './output.js';
import { exitingOnSignals } from './program.js';

/** What commands that write a file say of their --out. */
export const orStdout = 'the file to write, or - for stdout';

/** Saves the file that a command makes, and tells its size: on stdout, or on stderr where the file itself goes there. */
export async function saveResult(out: string, bytes: Uint8Array, json = false): Promise<void> {
  const text = json
    ? JSON.stringify({ file: out, bytes: bytes.byteLength })
    : `${out}, ${bytes.byteLength.toLocaleString('en-US')} bytes`;
  if (out === '') throw new RangeError('the name of the file to write is empty');
  if (out !== '-') {
    await exitingOnSignals(saveFile(out, bytes));
    printResult(text);
    return;
  }
  if (process.stdout.isTTY) throw new DataError('stdout is a terminal, which cannot show such a file. Add > FILE');
  writeResult(bytes);
  say(text);
}

/** The same of a file of text, which a terminal can show. */
export async function saveText(out: string, text: string, json = false): Promise<void> {
  if (out === '-') printResult(...text.trimEnd().split('\n'));
  else await saveResult(out, new TextEncoder().encode(text), json);
}
