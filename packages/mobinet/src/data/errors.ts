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
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    return 'something was thrown that is no error';
  }
}

/**
 * Why a file, a folder or a URL cannot be read, and how to mend it: one line, by the error of the operating system.
 * @param what What it should be, such as 'model'.
 */
export function unreadable(error: unknown, path: string | URL, what: string): DataError {
  const say = (message: string): DataError => new DataError(message, { cause: error });
  const scheme = /^([a-z][a-z\d+.-]+):\/\//i.exec(String(path))?.[1];
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      if (path === '-') return say(`no ${what} is read from standard input: name a file in place of -`);
      if (scheme !== undefined && scheme !== 'file') {
        return say(`${path}: ${scheme} addresses are not read, only http and https. Fetch the file, and name it`);
      }
      return say(`there is no ${what} at ${path}. Check the path`);
    case 'EISDIR':
      return say(`${path} is a folder. Name the ${what} in it`);
    case 'ENOTDIR':
      return say(`there is no ${what} at ${path}: a part of this path is a file, not a folder. Check the path`);
    case 'EACCES':
    case 'EPERM':
      return say(`the ${what} ${path} may not be read. Change the permissions of it, or of the folders above it`);
    case 'ELOOP':
      return say(`the ${what} ${path} cannot be read: a symbolic link leads back to itself. Remove the link`);
    case 'ENAMETOOLONG':
      return say(`there is no ${what} with so long a name: ${String(path).slice(0, 60)}…. Check the path`);
    case 'EMFILE':
    case 'ENFILE':
      return say(
        `the ${what} ${path} cannot be read: too many files are open. Raise the limit (ulimit -n), or close some`,
      );
    case 'EIO':
      return say(`the disk of ${path} reports an error (EIO) in reading. Look after the disk, or read from a copy`);
    case 'ENOMEM':
    case 'ERR_FS_FILE_TOO_LARGE':
      return say(`${path} is too large to be read into memory as a ${what}. Check that it is one`);
    case 'ERR_INVALID_ARG_VALUE':
      return say(`${JSON.stringify(path)} cannot be the path of a ${what}`);
  }
  return say(`cannot read the ${what} ${path}: ${fileProblem(error)}`);
}

/** What went wrong with a file, for a message that names it: "ENOENT: no such file or directory", without the call and the path. */
export function fileProblem(error: unknown): string {
  const message = messageOf(error);
  const { syscall } = Object(error) as NodeJS.ErrnoException;
  const tail = syscall === undefined ? -1 : message.lastIndexOf(`, ${syscall}`);
  return tail < 0 ? message : message.slice(0, tail);
}

/** Whether memory was asked for in vain, as V8 and libvips say it. */
export const isOutOfMemory = (error: unknown): boolean =>
  /Array buffer allocation failed|out of memory -- size/.test(messageOf(error));
