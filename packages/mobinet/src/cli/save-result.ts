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
  if (out !== '-') {
    await exitingOnSignals(saveFile(out, bytes));
    printResult(text);
    return;
  }
  if (process.stdout.isTTY) throw new DataError('stdout is a terminal, which cannot show such a file. Add > FILE');
  writeResult(bytes);
  say(text);
}
