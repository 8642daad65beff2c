import { emit } from './builder.js';
import type { Bytes, Code } from './encoding.js';
import { I32 } from './scalars.js';
import { Kind, memoryArgument, sequence, Type, type Value } from './values.js';

// 128-bit SIMD vectors: everything that does not depend on the type of their lanes, which is in lanes.ts.

/** Encodes a SIMD instruction. All have the prefix 0xfd. */
export const simd = (opcode: number, ...immediates: number[]): Bytes => {
  const bytes = opcode < 128 ? [0xfd, opcode] : [0xfd, (opcode & 127) | 128, opcode >>> 7];
  return immediates.length === 0 ? bytes : bytes.concat(immediates);
};

/** An expression whose value is a 128-bit vector. `Self` is the class for one type of lanes. */
export abstract class V128<Self extends Value = Value> extends Kind<Self> {
  override get storeInstruction(): Code {
    return simd(11);
  }

  /** The same bits, reinterpreted as lanes of another type. */
  as<V extends Value>(type: LanesType<V>): V {
    return new type.of(this.code);
  }
  /** The bits that are 1 in both. */
  and(b: Self): Self {
    return this.apply(simd(78), b);
  }
  /** The bits that are 1 in this and 0 in b. */
  andNot(b: Self): Self {
    return this.apply(simd(79), b);
  }
  /** The bits that are 1 in either. */
  or(b: Self): Self {
    return this.apply(simd(80), b);
  }
  /** The bits that differ. */
  xor(b: Self): Self {
    return this.apply(simd(81), b);
  }
  /** Selects bit by bit: this where the mask is 1, `other` where it is 0. */
  where(mask: V128, other: Self): Self {
    return this.apply(simd(82), other, mask);
  }
  /** 1 if any bit is 1, otherwise 0. */
  anyTrue(): I32 {
    return new I32(sequence([this], simd(83)));
  }
  /** Selects any 16 bytes of two vectors. Indices 0–15 refer to this one, 16–31 to the other. */
  shuffleBytes(other: Self, bytes: readonly number[]): Self {
    return this.apply(simd(13, ...bytes), other);
  }
}

/** A type of vectors: creates constants and variables, and loads values from memory. */
export class LanesType<V extends Value, S extends Value = Value> extends Type<V> {
  constructor(
    of: new (code: Code) => V,
    private readonly lanes: number,
    private readonly splatOpcode: number,
    private readonly pack: (lanes: readonly number[]) => number[],
  ) {
    super('v128', of, simd(0));
  }

  /** A constant: one number for all lanes, or one per lane. */
  override const(...values: readonly number[]): V {
    const lanes = values.length === 1 ? new Array<number>(this.lanes).fill(values[0]) : values;
    return new this.of(simd(12, ...this.pack(lanes)));
  }

  /** A vector with the same value in all lanes. */
  splat(value: S): V {
    return new this.of(sequence([value], simd(this.splatOpcode)));
  }
}

/**
 * Statement: stores one of the 16 bytes.
 *
 * @example
 * ```ts
 * import { assemble, i8x16, i32, PrivateMemory, privateMemory, storeByte } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(
 *   assemble('byte', [], privateMemory, () => {
 *     storeByte(i32.const(0), i8x16.const(...Array.from({ length: 16 }, (_, lane) => 10 * lane)), 3);
 *   }),
 * )();
 * console.log(memory.bytes(0, 1)[0]);
 * // → 30
 * ```
 */
export function storeByte(address: I32, value: V128, lane: number, offset = 0): void {
  emit(address.code, value.code, simd(88), memoryArgument(offset), [lane]);
}

/**
 * Statement: stores the low or the high 8 bytes.
 *
 * @example
 * ```ts
 * import { assemble, i32, i32x4, PrivateMemory, privateMemory, storeHalf } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(assemble('half', [], privateMemory, () => storeHalf(i32.const(0), i32x4.const(1, 2, 3, 4), 1)))();
 * console.log(`${memory.words(0, 3)}`);
 * // → 3,4,0
 * ```
 */
export function storeHalf(address: I32, value: V128, half: 0 | 1, offset = 0): void {
  emit(address.code, value.code, simd(91), memoryArgument(offset), [half]);
}

/**
 * Statement: stores one of four 32-bit lanes.
 *
 * @example
 * ```ts
 * import { assemble, i32, i32x4, PrivateMemory, privateMemory, storeLane } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(assemble('lane', [], privateMemory, () => storeLane(i32.const(0), i32x4.const(1, 2, 3, 4), 2)))();
 * console.log(`${memory.words(0, 2)}`);
 * // → 3,0
 * ```
 */
export function storeLane(address: I32, value: V128, lane: number, offset = 0): void {
  emit(address.code, value.code, simd(90), memoryArgument(offset), [lane]);
}
