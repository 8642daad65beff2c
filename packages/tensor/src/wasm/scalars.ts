import { emit } from './builder.js';
import { type Code, littleEndian, signed, unsigned } from './encoding.js';
import { Kind, memoryArgument, sequence, Type, type Value } from './values.js';

// In the opcode table, the instructions of a group follow each other in the same order for every type. A class
// therefore only defines where the groups of its type start, and the base class knows their order.

abstract class Integer<Self extends Value> extends Kind<Self> {
  protected abstract get comparisons(): number;
  protected abstract get arithmetic(): number;
  protected abstract operand(value: Self | number): Value;

  private calculate(opcode: number, b: Self | number): Self {
    return this.apply([this.arithmetic + opcode], this.operand(b));
  }
  private compare(opcode: number, b: Self | number): I32 {
    return new I32(sequence([this, this.operand(b)], [this.comparisons + opcode]));
  }

  /** 1 if both are equal, otherwise 0. */
  eq(b: Self | number): I32 {
    return this.compare(0, b);
  }
  /** 1 if they differ, otherwise 0. */
  ne(b: Self | number): I32 {
    return this.compare(1, b);
  }
  /** 1 if this is less than b, as signed integers, otherwise 0. */
  ltS(b: Self | number): I32 {
    return this.compare(2, b);
  }
  /** 1 if this is less than b, as unsigned integers, otherwise 0. */
  ltU(b: Self | number): I32 {
    return this.compare(3, b);
  }
  /** 1 if this is greater than b, as signed integers, otherwise 0. */
  gtS(b: Self | number): I32 {
    return this.compare(4, b);
  }
  /** 1 if this is greater than b or equal, as signed integers, otherwise 0. */
  geS(b: Self | number): I32 {
    return this.compare(8, b);
  }

  /** Counts the bits that are 1. */
  popcnt(): Self {
    return this.apply([this.arithmetic + 2]);
  }
  /** The sum, without the bits that do not fit. */
  add(b: Self | number): Self {
    return this.calculate(3, b);
  }
  /** The difference, without the bits that do not fit. */
  sub(b: Self | number): Self {
    return this.calculate(4, b);
  }
  /** The product, without the bits that do not fit. */
  mul(b: Self | number): Self {
    return this.calculate(5, b);
  }
  /** The quotient of unsigned integers, rounded down. Traps if b is 0. */
  divU(b: Self | number): Self {
    return this.calculate(7, b);
  }
  /** The remainder of unsigned integers. Traps if b is 0. */
  remU(b: Self | number): Self {
    return this.calculate(9, b);
  }
  /** The bits that are 1 in both. */
  and(b: Self | number): Self {
    return this.calculate(10, b);
  }
  /** The bits that are 1 in either. */
  or(b: Self | number): Self {
    return this.calculate(11, b);
  }
  /** The bits that differ. */
  xor(b: Self | number): Self {
    return this.calculate(12, b);
  }
  /** Shifts the bits to the left, by b modulo the number of bits. */
  shl(b: Self | number): Self {
    return this.calculate(13, b);
  }
  /** Shifts the bits to the right, by b modulo the number of bits, and fills with 0. */
  shrU(b: Self | number): Self {
    return this.calculate(15, b);
  }
  /** Rotates the bits to the left. */
  rotl(b: Self | number): Self {
    return this.calculate(16, b);
  }
}

/** A 32-bit integer: a counter, an address, or the result of a comparison (1 for true, 0 for false). */
export class I32 extends Integer<I32> {
  override get storeInstruction(): Code {
    return [0x36];
  }
  protected override get comparisons(): number {
    return 0x46;
  }
  protected override get arithmetic(): number {
    return 0x67;
  }
  protected override operand(value: I32 | number): I32 {
    return typeof value === 'number' ? i32.const(value) : value;
  }
  /** The smaller of two unsigned integers. Both operands are evaluated twice. */
  minU(b: I32): I32 {
    return select<I32>(this.ltU(b), this, b);
  }
  /** Widens an unsigned integer to 64 bits. */
  toI64U(): I64 {
    return new I64(sequence([this], [0xad]));
  }
  /** Rounds a signed integer to single precision. */
  toF32S(): F32 {
    return new F32(sequence([this], [0xb2]));
  }
}

/** A 64-bit integer. */
export class I64 extends Integer<I64> {
  override get storeInstruction(): Code {
    return [0x37];
  }
  protected override get comparisons(): number {
    return 0x51;
  }
  protected override get arithmetic(): number {
    return 0x79;
  }
  protected override operand(value: I64 | number): I64 {
    return typeof value === 'number' ? i64.const(value) : value;
  }
  /** The low 32 bits. */
  toI32(): I32 {
    return new I32(sequence([this], [0xa7]));
  }
  /** Rounds a signed integer to double precision. */
  toF64S(): F64 {
    return new F64(sequence([this], [0xb9]));
  }
}

abstract class Float<Self extends Value> extends Kind<Self> {
  protected abstract get comparisons(): number;
  protected abstract get arithmetic(): number;

  /** 1 if this is less than b, otherwise 0; 0 if either is NaN. */
  lt(b: Self): I32 {
    return new I32(sequence([this, b], [this.comparisons + 2]));
  }
  /** 1 if this is greater than b, otherwise 0; 0 if either is NaN. */
  gt(b: Self): I32 {
    return new I32(sequence([this, b], [this.comparisons + 3]));
  }
  /** The absolute value. */
  abs(): Self {
    return this.apply([this.arithmetic]);
  }
  /** The square root. */
  sqrt(): Self {
    return this.apply([this.arithmetic + 6]);
  }
  /** The sum. */
  add(b: Self): Self {
    return this.apply([this.arithmetic + 7], b);
  }
  /** The difference. */
  sub(b: Self): Self {
    return this.apply([this.arithmetic + 8], b);
  }
  /** The product. */
  mul(b: Self): Self {
    return this.apply([this.arithmetic + 9], b);
  }
  /** The quotient. */
  div(b: Self): Self {
    return this.apply([this.arithmetic + 10], b);
  }
  /** The smaller one, or NaN if either is NaN. */
  min(b: Self): Self {
    return this.apply([this.arithmetic + 11], b);
  }
  /** The larger one, or NaN if either is NaN. */
  max(b: Self): Self {
    return this.apply([this.arithmetic + 12], b);
  }
}

/** A single-precision float. */
export class F32 extends Float<F32> {
  override get storeInstruction(): Code {
    return [0x38];
  }
  protected override get comparisons(): number {
    return 0x5b;
  }
  protected override get arithmetic(): number {
    return 0x8b;
  }
  /** Widens to double precision, which is exact. */
  toF64(): F64 {
    return new F64(sequence([this], [0xbb]));
  }
}

/** A double-precision float. */
export class F64 extends Float<F64> {
  override get storeInstruction(): Code {
    return [0x39];
  }
  protected override get comparisons(): number {
    return 0x61;
  }
  protected override get arithmetic(): number {
    return 0x99;
  }
  /** Rounds to single precision. */
  toF32(): F32 {
    return new F32(sequence([this], [0xb6]));
  }
}

/** The class of `i32`. */
export class I32Type extends Type<I32> {
  override const(value: number): I32 {
    return new I32([0x41, ...signed(value | 0)]);
  }
  /** Loads an unsigned byte. */
  load8U(address: I32, offset = 0): I32 {
    return new I32(sequence([address], [0x2d, memoryArgument(offset)]));
  }
  /** Loads an unsigned 16-bit integer. */
  load16U(address: I32, offset = 0): I32 {
    return new I32(sequence([address], [0x2f, memoryArgument(offset)]));
  }
  /** Loads a signed 16-bit integer. */
  load16S(address: I32, offset = 0): I32 {
    return new I32(sequence([address], [0x2e, memoryArgument(offset)]));
  }
}

/** The class of `i64`. */
export class I64Type extends Type<I64> {
  override const(value: number | bigint): I64 {
    return new I64([0x42, ...signed(value)]);
  }
  /** Loads an unsigned 32-bit integer. */
  load32U(address: I32, offset = 0): I64 {
    return new I64(sequence([address], [0x35, memoryArgument(offset)]));
  }
}

/** The class of `f32`. */
export class F32Type extends Type<F32> {
  override const(value: number): F32 {
    return new F32([0x43, ...littleEndian(Float32Array.of(value))]);
  }
}

/** The class of `f64`. */
export class F64Type extends Type<F64> {
  override const(value: number): F64 {
    return new F64([0x44, ...littleEndian(Float64Array.of(value))]);
  }
}

/**
 * The type of 32-bit integers.
 *
 * @example
 * ```ts
 * import { assemble, i32, PrivateMemory, privateMemory, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const run = memory.load(
 *   assemble('differing', ['a', 'b'], privateMemory, (a, b) => {
 *     store(i32.const(0), a.xor(b).popcnt()); // how many of 32 signs differ
 *   }),
 * );
 * run(0b1100, 0b1010);
 * console.log(memory.words(0, 1)[0]);
 * // → 2
 * ```
 */
export const i32 = new I32Type('i32', I32, [0x28]);
/**
 * The type of 64-bit integers.
 *
 * @example
 * ```ts
 * import { assemble, i32, i64, PrivateMemory, privateMemory, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const run = memory.load(
 *   assemble('popcount', [], privateMemory, () => {
 *     store(i32.const(8), i64.load(i32.const(0)).popcnt().toI32()); // 64 bits at once
 *   }),
 * );
 * memory.words(0, 2).fill(-1);
 * run();
 * console.log(memory.words(8, 1)[0]);
 * // → 64
 * ```
 */
export const i64 = new I64Type('i64', I64, [0x29]);
/**
 * The type of single-precision floats.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { Kernel } from '@mobinet/tensor/kernels';
 * import { f32, forRange, i32, store } from '@mobinet/tensor/wasm';
 *
 * const half = new Kernel('half', { x: i32 }, ({ x }, from, to) => {
 *   forRange(from, to, 1, (i) => store(x.add(i.mul(4)), f32.load(x.add(i.mul(4))).mul(f32.const(0.5))));
 * });
 * const x = tensor([1, 2, 3]);
 * half.run({ x }, 3);
 * console.log(`${x.values}`);
 * // → 0.5,1,1.5
 * ```
 */
export const f32 = new F32Type('f32', F32, [0x2a]);
/**
 * The type of double-precision floats.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { Kernel } from '@mobinet/tensor/kernels';
 * import { f32, f64, forRange, i32, store } from '@mobinet/tensor/wasm';
 *
 * const total = new Kernel('total', { x: i32, y: i32, size: i32 }, ({ x, y, size }) => {
 *   const sum = f64.variable(0, 'sum'); // in double precision
 *   forRange(0, size, 1, (i) => sum.set(sum.add(f32.load(x.add(i.mul(4))).toF64())));
 *   store(y, sum.toF32());
 * });
 * const y = zeros([]);
 * total.run({ x: tensor([2 ** 24, 1, 1]), y, size: 3 }, 1);
 * console.log(`${y.values}, where f32 alone gives ${Math.fround(Math.fround(2 ** 24 + 1) + 1)}`);
 * // → 16777218, where f32 alone gives 16777216
 * ```
 */
export const f64 = new F64Type('f64', F64, [0x2b]);

/**
 * Statement: stores the low 8 bits.
 *
 * @example
 * ```ts
 * import { assemble, i32, PrivateMemory, privateMemory, store8 } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(assemble('byte', [], privateMemory, () => store8(i32.const(1), i32.const(0x1ff))))();
 * console.log(`${memory.bytes(0, 3)}`);
 * // → 0,255,0
 * ```
 */
export function store8(address: I32, value: I32, offset = 0): void {
  emit(address.code, value.code, [0x3a], memoryArgument(offset));
}

/**
 * Statement: stores the low 16 bits.
 *
 * @example
 * ```ts
 * import { assemble, i32, PrivateMemory, privateMemory, store16 } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(assemble('half_word', [], privateMemory, () => store16(i32.const(0), i32.const(0x10203))))();
 * console.log(`${memory.bytes(0, 4)}`); // little-endian
 * // → 3,2,0,0
 * ```
 */
export function store16(address: I32, value: I32, offset = 0): void {
  emit(address.code, value.code, [0x3b], memoryArgument(offset));
}

/**
 * Atomically adds to a word in memory. The result is the previous value.
 *
 * @example
 * ```ts
 * import { zeros } from '@mobinet/tensor';
 * import { Kernel } from '@mobinet/tensor/kernels';
 * import { atomicAdd, forRange, i32 } from '@mobinet/tensor/wasm';
 *
 * const count = new Kernel('count', { total: i32 }, ({ total }, from, to) => {
 *   forRange(from, to, 1, () => {
 *     i32.variable(atomicAdd(total, i32.const(1)), 'before');
 *   });
 * });
 * const total = zeros([1], 'i32');
 * count.run({ total }, 1000, { grain: 10 });
 * console.log(`${total.values}`); // on any number of threads
 * // → 1000
 * ```
 */
export function atomicAdd(address: I32, value: I32, offset = 0): I32 {
  return new I32(sequence([address, value], [0xfe, 0x1e, 2, ...unsigned(offset)]));
}

/**
 * Selects a if the condition is not 0, otherwise b. Both are evaluated, so there is no branch that a processor could
 * mispredict.
 *
 * @example
 * ```ts
 * import { assemble, i32, PrivateMemory, privateMemory, select, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const larger = memory.load(
 *   assemble('larger', ['a', 'b'], privateMemory, (a, b) => {
 *     store(i32.const(0), select(a.gtS(b), a, b));
 *   }),
 * );
 * larger(3, 8);
 * console.log(memory.words(0, 1)[0]);
 * // → 8
 * ```
 */
export function select<V extends Value>(condition: I32, a: V, b: V): V {
  const TypeOfA = a.constructor as new (code: Code) => V;
  return new TypeOfA(sequence([a, b, condition], [0x1b]));
}
