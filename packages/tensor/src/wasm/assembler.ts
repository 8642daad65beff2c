/**
 * A small WebAssembly assembler. Expressions are byte sequences, made by functions that look like the mathematics:
 *
 *     set(sum, f32x4.add(get(sum), f32x4.mul(get(a), get(b))))
 *
 * https://webassembly.github.io/spec/core/binary has the encoding.
 */

export type ValueType = 'i32' | 'i64' | 'v128';

/** Instructions that leave one value on the stack. */
export type Expression = readonly number[];

/** Instructions that leave nothing. */
export type Statement = readonly number[];

export interface Local {
  readonly index: number;
}

/** A function's parameters, and its body written with them and with locals asked for by type. */
export interface FunctionDefinition {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly body: (parameters: readonly Local[], local: (type: ValueType) => Local) => readonly Statement[];
}

const typeCodes = { i32: 0x7f, i64: 0x7e, v128: 0x7b } as const;

/** Unsigned LEB128: seven bits a byte, low ones first; the eighth says that more follow. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128: ends when what is left is only the sign, repeated. */
function signed(value: number): number[] {
  const rest = value >> 7;
  const isLast = (rest === 0 && (value & 64) === 0) || (rest === -1 && (value & 64) !== 0);
  return isLast ? [value & 127] : [(value & 127) | 128, ...signed(rest)];
}

/** SIMD instructions share the prefix 0xfd. */
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];

/** Alignment (as a power of two) and constant offset of a memory access. */
const memoryArgument = (alignment: number, offset: number): number[] => [alignment, ...unsigned(offset)];

export const get = ({ index }: Local): Expression => [0x20, ...unsigned(index)];
export const set = ({ index }: Local, value: Expression): Statement => [...value, 0x21, ...unsigned(index)];

export const i32 = {
  constant: (value: number): Expression => [0x41, ...signed(value)],
  add: (a: Expression, b: Expression): Expression => [...a, ...b, 0x6a],
  sub: (a: Expression, b: Expression): Expression => [...a, ...b, 0x6b],
  shiftLeft: (a: Expression, b: Expression): Expression => [...a, ...b, 0x74],
  /** The low half of an i64. */
  wrap: (value: Expression): Expression => [...value, 0xa7],
  store: (address: Expression, value: Expression, offset = 0): Statement => [
    ...address,
    ...value,
    0x36,
    ...memoryArgument(2, offset),
  ],
};

export const i64 = {
  zero: [0x42, 0x00] as Expression,
  load: (address: Expression, offset = 0): Expression => [...address, 0x29, ...memoryArgument(3, offset)],
  add: (a: Expression, b: Expression): Expression => [...a, ...b, 0x7c],
  xor: (a: Expression, b: Expression): Expression => [...a, ...b, 0x85],
  /** How many bits are 1. */
  popcount: (value: Expression): Expression => [...value, 0x7b],
};

export const v128 = {
  load: (address: Expression, offset = 0): Expression => [...address, ...simd(0), ...memoryArgument(2, offset)],
  /** One f32 in all four lanes. */
  load32Splat: (address: Expression, offset = 0): Expression => [...address, ...simd(9), ...memoryArgument(2, offset)],
  store: (address: Expression, value: Expression, offset = 0): Statement => [
    ...address,
    ...value,
    ...simd(11),
    ...memoryArgument(2, offset),
  ],
  zero: [...simd(12), ...new Array<number>(16).fill(0)] as Expression,
};

export const f32x4 = {
  add: (a: Expression, b: Expression): Expression => [...a, ...b, ...simd(228)],
  mul: (a: Expression, b: Expression): Expression => [...a, ...b, ...simd(230)],
};

/** Moves an address, or any i32 local, on by a constant. */
export const advance = (local: Local, bytes: number): Statement => set(local, i32.add(get(local), i32.constant(bytes)));

/** Runs `body` as often as `count` says, at least once; counts it down to 0. */
export const repeat = (count: Local, body: readonly Statement[]): Statement => [
  ...[0x03, 0x40], // loop
  ...body.flat(),
  ...set(count, i32.sub(get(count), i32.constant(1))),
  ...get(count),
  ...[0x0d, 0x00], // br_if: back to the start of the loop
  0x0b, // end
];

/** A module that imports its memory as `env.memory` and exports the functions. */
export function assemble(functions: readonly FunctionDefinition[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [0x60, ...vector(parameters.map((t) => [typeCodes[t]])), 0x00]);
  const memoryImport = [...text('env'), ...text('memory'), 0x02, 0x00, 0x01];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
    ...section(1, vector(types)),
    ...section(2, vector([memoryImport])),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(7, vector(functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]))),
    ...section(10, vector(functions.map(code))),
  ]);
}

function code({ parameters, body }: FunctionDefinition): number[] {
  const locals: ValueType[] = [];
  const statements = body(
    parameters.map((_, index) => ({ index })),
    (type) => ({ index: parameters.length + locals.push(type) - 1 }),
  );
  const declarations = vector(locals.map((type) => [1, typeCodes[type]]));
  const bytes = [...declarations, ...statements.flat(), 0x0b];
  return [...unsigned(bytes.length), ...bytes];
}

const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => vector(Array.from(new TextEncoder().encode(value), (byte) => [byte]));
