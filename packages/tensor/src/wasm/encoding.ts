import type { UnsharedBytes } from '../unshared-bytes.js';

// The binary format of WebAssembly: https://webassembly.github.io/spec/core/binary has all of it.

/** Bytes. */
export type Bytes = readonly number[];

/** Bytes, and code that they are made of, in their order: nothing is copied until all is written. */
export type Code = readonly (number | Code)[];

export function lengthOf(code: Code): number {
  let length = 0;
  for (const part of code) length += typeof part === 'number' ? 1 : lengthOf(part);
  return length;
}

/** Code as the bytes that it stands for. */
export function flatten(code: Code): UnsharedBytes {
  const bytes = new Uint8Array(lengthOf(code));
  let at = 0;
  const write = (code: Code): void => {
    for (const part of code) {
      if (typeof part === 'number') bytes[at++] = part;
      else write(part);
    }
  };
  write(code);
  return bytes;
}

/** Unsigned LEB128: seven bits a byte, low ones first; the eighth says that more follow. */
export function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128: ends when what is left is only the sign, repeated. */
export function signed(value: number | bigint): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    const low = Number(rest & 127n);
    const after = rest >> 7n;
    if ((after === 0n && low < 64) || (after === -1n && low >= 64)) return [...bytes, low];
    bytes.push(low | 128);
  }
}

/** Numbers as they lie in memory, little end first. */
export function littleEndian(values: Float32Array | Float64Array | Int32Array | Int16Array | Uint8Array): number[] {
  return [...new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
}

/** So many items, and the items. */
export function vector(items: Code): Code {
  return [unsigned(items.length), items];
}

export function text(value: string): Code {
  return vector([...new TextEncoder().encode(value)]);
}

/** What is preceded by its size. */
export function sized(content: Code): Code {
  return [unsigned(lengthOf(content)), content];
}

export function section(id: number, content: Code): Code {
  return [id, sized(content)];
}
