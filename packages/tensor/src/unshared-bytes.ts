/**
 * Bytes that are not in shared memory, as web APIs such as `Blob` require: `Uint8Array<ArrayBuffer>`. The type is
 * written as the result of `Uint8Array.from` because our declaration files must also compile with TypeScript before
 * 5.7, where `Uint8Array` has no type parameter.
 */
export type UnsharedBytes = ReturnType<typeof Uint8Array.from>;
