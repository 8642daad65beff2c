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

/** What an unknown thrown value says. Some decoders throw strings. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
