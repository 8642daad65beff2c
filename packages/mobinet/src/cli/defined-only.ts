type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** A copy without the entries that are undefined. */
export function definedOnly<T extends object>(entries: T): Defined<T> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Defined<T>;
}
