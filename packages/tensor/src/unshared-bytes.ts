/**
 * Bytes in memory of their own, as web APIs such as `Blob` want them: `Uint8Array<ArrayBuffer>`. It is spelled by what makes such
 * arrays, since before TypeScript 5.7 `Uint8Array` took no parameter, and emitted types must be read there, too.
 */
export type UnsharedBytes = ReturnType<typeof Uint8Array.from>;
