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

  eq(b: Self | number): I32 {
    return this.compare(0, b);
  }
  ne(b: Self | number): I32 {
    return this.compare(1, b);
  }
  ltS(b: Self | number): I32 {
    return this.compare(2, b);
  }
  ltU(b: Self | number): I32 {
    return this.compare(3, b);
  }
  gtS(b: Self | number): I32 {
    return this.compare(4, b);
  }
  geS(b: Self | number): I32 {
    return this.compare(8, b);
  }

  /** Counts the bits that are 1. */
  popcnt(): Self {
    return this.apply([this.arithmetic + 2]);
  }
  add(b: Self | number): Self {
    return this.calculate(3, b);
  }
  sub(b: Self | number): Self {
    return this.calculate(4, b);
  }
  mul(b: Self | number): Self {
    return this.calculate(5, b);
  }
  divU(b: Self | number): Self {
    return this.calculate(7, b);
  }
  remU(b: Self | number): Self {
    return this.calculate(9, b);
  }
  and(b: Self | number): Self {
    return this.calculate(10, b);
  }
  or(b: Self | number): Self {
    return this.calculate(11, b);
  }
  xor(b: Self | number): Self {
    return this.calculate(12, b);
  }
  shl(b: Self | number): Self {
    return this.calculate(13, b);
  }
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
  toI64U(): I64 {
    return new I64(sequence([this], [0xad]));
  }
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
}

abstract class Float<Self extends Value> extends Kind<Self> {
  protected abstract get comparisons(): number;
  protected abstract get arithmetic(): number;

  lt(b: Self): I32 {
    return new I32(sequence([this, b], [this.comparisons + 2]));
  }
  gt(b: Self): I32 {
    return new I32(sequence([this, b], [this.comparisons + 3]));
  }
  abs(): Self {
    return this.apply([this.arithmetic]);
  }
  sqrt(): Self {
    return this.apply([this.arithmetic + 6]);
  }
  add(b: Self): Self {
    return this.apply([this.arithmetic + 7], b);
  }
  sub(b: Self): Self {
    return this.apply([this.arithmetic + 8], b);
  }
  mul(b: Self): Self {
    return this.apply([this.arithmetic + 9], b);
  }
  div(b: Self): Self {
    return this.apply([this.arithmetic + 10], b);
  }
  min(b: Self): Self {
    return this.apply([this.arithmetic + 11], b);
  }
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

/** The type of 32-bit integers. */
export const i32 = new I32Type('i32', I32, [0x28]);
/** The type of 64-bit integers. */
export const i64 = new I64Type('i64', I64, [0x29]);
/** The type of single-precision floats. */
export const f32 = new F32Type('f32', F32, [0x2a]);
/** The type of double-precision floats. */
export const f64 = new F64Type('f64', F64, [0x2b]);

/** Statement: stores the low 8 bits. */
export function store8(address: I32, value: I32, offset = 0): void {
  emit(address.code, value.code, [0x3a], memoryArgument(offset));
}

/** Statement: stores the low 16 bits. */
export function store16(address: I32, value: I32, offset = 0): void {
  emit(address.code, value.code, [0x3b], memoryArgument(offset));
}

/** Atomically adds to a word in memory. The result is the previous value. */
export function atomicAdd(address: I32, value: I32, offset = 0): I32 {
  return new I32(sequence([address, value], [0xfe, 0x1e, 2, ...unsigned(offset)]));
}

/** a if the condition is not 0, otherwise b. Both are evaluated. */
export function select<V extends Value>(condition: I32, a: V, b: V): V {
  const TypeOfA = a.constructor as new (code: Code) => V;
  return new TypeOfA(sequence([a, b, condition], [0x1b]));
}
