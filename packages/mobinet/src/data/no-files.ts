/** In place of `read-file.ts` on web pages, where there are no files. */
export const readFile = undefined;
