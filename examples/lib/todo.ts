/** Stands for the part of an exercise that the reader writes. Its error says what is missing. */
export function todo(what: string): never {
  throw new Error(`to do: ${what}`);
}
