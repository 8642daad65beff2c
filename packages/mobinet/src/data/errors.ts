import { type HelpSection, splitHelp, withHelp } from '@mobinet/tensor/kernels';

/**
 * Thrown for data that cannot be used. The message is one line: what is wrong, where, and how to fix it. A second line may
 * point to docs/help.md.
 *
 * @example
 * ```ts
 * import { DataError, openImageFolder } from 'mobinet';
 *
 * try {
 *   openImageFolder('missing');
 * } catch (error) {
 *   if (!(error instanceof DataError)) throw error;
 *   console.log(error.message);
 * }
 * // → there is no folder missing. Give a folder with train/<class>/ and val/<class>/, or with one folder per class
 * // → See docs/help.md#images-not-found
 * ```
 */
export class DataError extends Error {
  override readonly name = 'DataError';

  /**
   * @param message Control characters in it are replaced by spaces.
   * @param options The cause of the error, and `help`, a section of docs/help.md, which the last line of the message
   *   names.
   */
  constructor(message: string, { help, ...options }: ErrorOptions & { readonly help?: HelpSection } = {}) {
    super(help ? withHelp(oneLine(message), help) : oneLine(message), options);
  }
}

/** The error for a folder that has no images, or whose images lie in other places than expected. */
export const wrongLayout = (problem: string): DataError => new DataError(problem, { help: 'images-not-found' });

/** Replaces control characters with spaces, since file names may contain newlines and terminal codes. */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

/**
 * Thrown for a file that cannot be read, whatever its contents: it is missing, its disk fails, or permission is denied.
 */
export class FileError extends Error {
  override readonly name = 'FileError';
}

/** The message of any thrown value, without a line that points to help. Some decoders throw strings. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return splitHelp(error.message).text;
  try {
    return String(error);
  } catch {
    return 'a value that is not an error was thrown';
  }
}

/**
 * Explains an error of the operating system: one line that says why a file, a folder or a URL cannot be read, and how
 * to fix it.
 *
 * @param what What it should be, such as 'model'.
 */
export function unreadable(error: unknown, path: string | URL, what: string): DataError {
  const failure = (message: string): DataError => new DataError(message, { cause: error });
  const scheme = /^([a-z][a-z\d+.-]+):\/\//i.exec(String(path))?.[1];
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      if (path === '-') return failure(`cannot read the ${what} from standard input. Name a file instead of -`);
      if (scheme !== undefined && scheme !== 'file') {
        return failure(
          `${path}: ${scheme} URLs are not supported, only http and https. Download the file and give its path`,
        );
      }
      return failure(`there is no ${what} at ${path}. Check the path`);
    case 'EISDIR':
      return failure(`${path} is a folder. Name the ${what} in it`);
    case 'ENOTDIR':
      return failure(`there is no ${what} at ${path}: part of this path is a file, not a folder. Check the path`);
    case 'EACCES':
    case 'EPERM':
      return failure(`no permission to read the ${what} ${path}. Change its permissions, or those of its folders`);
    case 'ELOOP':
      return failure(`cannot read the ${what} ${path}: a symbolic link leads back to itself. Remove the link`);
    case 'ENAMETOOLONG':
      return failure(`the path of the ${what} is too long: ${String(path).slice(0, 60)}…. Check the path`);
    case 'EMFILE':
    case 'ENFILE':
      return failure(
        `cannot read the ${what} ${path}: too many files are open. Raise the limit (ulimit -n), or close some`,
      );
    case 'EIO':
      return failure(`the disk of ${path} reports a read error (EIO). Check the disk, or read from a copy`);
    case 'ENOMEM':
    case 'ERR_FS_FILE_TOO_LARGE':
      return failure(`the ${what} ${path} is too large to read into memory. Check that this is the right file`);
    case 'ERR_INVALID_ARG_VALUE':
      return failure(`invalid path for the ${what}: ${JSON.stringify(path)}`);
  }
  return failure(`cannot read the ${what} ${path}: ${fileProblem(error)}`);
}

/** The message of a file error without system call and path, such as "ENOENT: no such file or directory". */
export function fileProblem(error: unknown): string {
  const message = messageOf(error);
  const { syscall } = Object(error) as NodeJS.ErrnoException;
  const tail = syscall === undefined ? -1 : message.lastIndexOf(`, ${syscall}`);
  return tail < 0 ? message : message.slice(0, tail);
}

/** Whether an error of V8 or libvips reports a failed allocation. */
export const isOutOfMemory = (error: unknown): boolean =>
  /Array buffer allocation failed|out of memory -- size/.test(messageOf(error));
