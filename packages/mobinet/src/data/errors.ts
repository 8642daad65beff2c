/** Data that cannot be used. The message is one line: what is wrong, where, and how to mend it. */
export class DataError extends Error {
  override readonly name = 'DataError';

  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
  }
}

/** `text` with its control characters made harmless: file names may hold newlines and terminal codes. */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

/** A file that cannot be read, whatever it holds: it is gone, its disk fails, or it may not be opened. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

/** What an unknown thrown value says. Some decoders throw strings. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What went wrong with a file, for a message that names it: "ENOENT: no such file or directory", without the call and the path. */
export function fileProblem(error: unknown): string {
  const message = messageOf(error);
  const { syscall } = Object(error) as NodeJS.ErrnoException;
  const tail = syscall === undefined ? -1 : message.lastIndexOf(`, ${syscall}`);
  return tail < 0 ? message : message.slice(0, tail);
}
