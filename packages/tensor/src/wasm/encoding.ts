// The binary format of WebAssembly: https://webassembly.github.io/spec/core/binary has all of it.

/** Bytes. */
export type Bytes = readonly number[];

/** Instructions: bytes, and code that others are made of, in the order in which it runs. */
export type Code = readonly (number | Code)[];

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

export function vector(items: readonly Bytes[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

export function text(value: string): number[] {
  return vector(Array.from(new TextEncoder().encode(value), (byte) => [byte]));
}

export function section(id: number, content: Bytes): number[] {
  return [id, ...unsigned(content.length), ...content];
}
