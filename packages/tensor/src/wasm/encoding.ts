import type { UnsharedBytes } from '../unshared-bytes.js';

// The binary format of WebAssembly, as specified in https://webassembly.github.io/spec/core/binary.

/** Encoded instructions or parts of them. */
export type Bytes = readonly number[];

/** A tree of bytes, in order. Nothing is copied until it is flattened. */
export type Code = readonly (number | Code | Uint8Array)[];

/** Flattens code to bytes. */
export function flatten(code: Code): UnsharedBytes {
  let bytes = new Uint8Array(4096);
  let length = 0;
  const reserve = (count: number): void => {
    if (length + count <= bytes.length) return;
    const longer = new Uint8Array(2 * (length + count));
    longer.set(bytes);
    bytes = longer;
  };
  const write = (code: Code): void => {
    for (const part of code) {
      if (typeof part === 'number') {
        reserve(1);
        bytes[length++] = part;
      } else if (part instanceof Uint8Array) {
        reserve(part.length);
        bytes.set(part, length);
        length += part.length;
      } else write(part);
    }
  };
  write(code);
  return bytes.slice(0, length);
}

/** Unsigned LEB128: seven bits per byte, the lowest first. The eighth bit is set if more bytes follow. */
export function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128: ends when the remaining bits all equal the sign bit. */
export function signed(value: number | bigint): number[] {
  // Nearly all constants: BigInt is slow.
  if (typeof value === 'number' && value >= -64 && value < 64) return [value & 127];
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    const low = Number(rest & 127n);
    const after = rest >> 7n;
    if ((after === 0n && low < 64) || (after === -1n && low >= 64)) return [...bytes, low];
    bytes.push(low | 128);
  }
}

/** The bytes of numbers in memory, which are little-endian. */
export function littleEndian(values: Float32Array | Float64Array | Int32Array | Int16Array | Uint8Array): number[] {
  return [...new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
}

/** A vector: the number of items, then the items. */
export function vector(items: Code): Code {
  return [unsigned(items.length), items];
}

/** A name: a vector of UTF-8 bytes. */
export function text(value: string): Code {
  return vector([...new TextEncoder().encode(value)]);
}

/** Content preceded by its size in bytes. */
export function sized(content: Code): Code {
  const bytes = flatten(content);
  return [unsigned(bytes.length), bytes];
}

/** A section of a module. */
export function section(id: number, content: Code): Code {
  return [id, sized(content)];
}
