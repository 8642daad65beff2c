import { emit } from './builder.js';
import { type Bytes, type Code, littleEndian, unsigned } from './encoding.js';
import { hasRelaxedSimd } from './features.js';
import { F32, F64, I32 } from './scalars.js';
import { Kind, memoryArgument, sequence, Type, type Value } from './values.js';

// SIMD: 16 bytes that are worked on at once, as so many lanes.

/** SIMD instructions share the prefix 0xfd. */
const simd = (opcode: number, ...immediates: number[]): Bytes => [0xfd, ...unsigned(opcode), ...immediates];

export abstract class V128<Self extends Value = Value> extends Kind<Self> {
  override readonly storeInstruction = simd(11);

  /** The same bits, read as lanes of another type. */
  as<V extends Value>(type: LanesType<V>): V {
    return new type.of(this.code);
  }
  and(b: Self): Self {
    return this.give(simd(78), b);
  }
  or(b: Self): Self {
    return this.give(simd(80), b);
  }
  xor(b: Self): Self {
    return this.give(simd(81), b);
  }
  /** Bits of this where the mask is 1, of `other` where it is 0. */
  where(mask: V128, other: Self): Self {
    return this.give(simd(82), other, mask);
  }
  /** Any 16 bytes of two vectors: 0–15 are this one's, 16–31 the other's. */
  shuffleBytes(other: Self, bytes: readonly number[]): Self {
    return this.give(simd(13, ...bytes), other);
  }
}

abstract class IntegerLanes<Self extends Value> extends V128<Self> {
  protected abstract readonly comparisons: number;
  protected abstract readonly arithmetic: number;

  /** Comparisons answer lane by lane: all bits 1 for yes, 0 for no. */
  eq(b: Self): Self {
    return this.give(simd(this.comparisons), b);
  }
  gtS(b: Self): Self {
    return this.give(simd(this.comparisons + 4), b);
  }
  abs(): Self {
    return this.give(simd(this.arithmetic - 11));
  }
  /** The highest bits of the lanes, as one number. */
  bitmask(): I32 {
    return new I32(sequence([this], simd(this.arithmetic - 7)));
  }
  shl(bits: I32): Self {
    return this.give(simd(this.arithmetic), bits);
  }
  shrS(bits: I32): Self {
    return this.give(simd(this.arithmetic + 1), bits);
  }
  add(b: Self): Self {
    return this.give(simd(this.arithmetic + 3), b);
  }
  sub(b: Self): Self {
    return this.give(simd(this.arithmetic + 6), b);
  }
}

export class I8x16 extends IntegerLanes<I8x16> {
  protected override readonly comparisons = 35;
  protected override readonly arithmetic = 107;
  /** How many bits of each byte are 1. */
  popcnt(): I8x16 {
    return this.give(simd(98));
  }
  /** The bytes of this that `indices` name. */
  swizzle(indices: I8x16): I8x16 {
    return this.give(simd(14), indices);
  }
}

export class I16x8 extends IntegerLanes<I16x8> {
  protected override readonly comparisons = 45;
  protected override readonly arithmetic = 139;
  /** All lanes of this and b as bytes; what does not fit becomes the nearest that does. */
  narrowS(b: I16x8): I8x16 {
    return new I8x16(sequence([this, b], simd(101)));
  }
  /** The same as bytes of 0 to 255. */
  narrowU(b: I16x8): I8x16 {
    return new I8x16(sequence([this, b], simd(102)));
  }
  /** The four low (high) lanes in 32 bits. */
  toI32x4LowS(): I32x4 {
    return new I32x4(sequence([this], simd(167)));
  }
  toI32x4HighS(): I32x4 {
    return new I32x4(sequence([this], simd(168)));
  }
  /** Products of the lanes, of which neighbours are added up, in 32 bits. */
  dotS(b: I16x8): I32x4 {
    return new I32x4(sequence([this, b], simd(186)));
  }
}

export class I32x4 extends IntegerLanes<I32x4> {
  protected override readonly comparisons = 55;
  protected override readonly arithmetic = 171;
  mul(b: I32x4): I32x4 {
    return this.give(simd(181), b);
  }
  /** All lanes of this and b in 16 bits; what does not fit becomes the nearest that does. */
  narrowS(b: I32x4): I16x8 {
    return new I16x8(sequence([this, b], simd(133)));
  }
  toF32x4S(): F32x4 {
    return new F32x4(sequence([this], simd(250)));
  }
  /** Lanes 0 and 1 in double precision. */
  toF64x2LowS(): F64x2 {
    return new F64x2(sequence([this], simd(254)));
  }
  lane(index: number): I32 {
    return new I32(sequence([this], simd(27, index)));
  }
}

abstract class FloatLanes<Self extends Value> extends V128<Self> {
  protected abstract readonly comparisons: number;
  protected abstract readonly arithmetic: number;

  /** Comparisons answer lane by lane: all bits 1 for yes, 0 for no. */
  eq(b: Self): Self {
    return this.give(simd(this.comparisons), b);
  }
  ne(b: Self): Self {
    return this.give(simd(this.comparisons + 1), b);
  }
  lt(b: Self): Self {
    return this.give(simd(this.comparisons + 2), b);
  }
  gt(b: Self): Self {
    return this.give(simd(this.comparisons + 3), b);
  }
  le(b: Self): Self {
    return this.give(simd(this.comparisons + 4), b);
  }
  ge(b: Self): Self {
    return this.give(simd(this.comparisons + 5), b);
  }
  abs(): Self {
    return this.give(simd(this.arithmetic));
  }
  neg(): Self {
    return this.give(simd(this.arithmetic + 1));
  }
  sqrt(): Self {
    return this.give(simd(this.arithmetic + 3));
  }
  add(b: Self): Self {
    return this.give(simd(this.arithmetic + 4), b);
  }
  sub(b: Self): Self {
    return this.give(simd(this.arithmetic + 5), b);
  }
  mul(b: Self): Self {
    return this.give(simd(this.arithmetic + 6), b);
  }
  div(b: Self): Self {
    return this.give(simd(this.arithmetic + 7), b);
  }
  /** b where b < this, else this: one instruction everywhere, for numbers that are no NaN. */
  pmin(b: Self): Self {
    return this.give(simd(this.arithmetic + 10), b);
  }
  pmax(b: Self): Self {
    return this.give(simd(this.arithmetic + 11), b);
  }
  /** NaN where either is, and −0 below +0: on some processors, this takes many instructions. */
  min(b: Self): Self {
    return this.give(simd(this.arithmetic + 8), b);
  }
  max(b: Self): Self {
    return this.give(simd(this.arithmetic + 9), b);
  }
}

export class F32x4 extends FloatLanes<F32x4> {
  protected override readonly comparisons = 65;
  protected override readonly arithmetic = 224;
  /** this + a·b: rounded once where the machine can (one instruction of relaxed SIMD), else twice. */
  addMul(a: F32x4, b: F32x4): F32x4 {
    return hasRelaxedSimd() ? a.give(relaxedMulAdd, b, this) : this.add(a.mul(b));
  }
  /** this − a·b, likewise. */
  subMul(a: F32x4, b: F32x4): F32x4 {
    return hasRelaxedSimd() ? a.give(relaxedNegativeMulAdd, b, this) : this.sub(a.mul(b));
  }
  lane(index: number): F32 {
    return new F32(sequence([this], simd(31, index)));
  }
  /** Lanes 0 and 1 in double precision. */
  toF64x2Low(): F64x2 {
    return new F64x2(sequence([this], simd(95)));
  }
  /** The largest whole numbers that are not above. */
  floor(): F32x4 {
    return this.give(simd(104));
  }
  /** Rounded to the nearest whole numbers. */
  toI32x4(): I32x4 {
    return new I32x4(sequence([this], [...simd(106), ...simd(248)]));
  }
  /** Any four lanes of two vectors: 0–3 are this one's, 4–7 the other's. */
  shuffle(other: F32x4, ...lanes: readonly number[]): F32x4 {
    return this.shuffleBytes(
      other,
      lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
    );
  }
}

export class F64x2 extends FloatLanes<F64x2> {
  protected override readonly comparisons = 71;
  protected override readonly arithmetic = 236;
  lane(index: number): F64 {
    return new F64(sequence([this], simd(33, index)));
  }
  /** Rounded to the nearest whole numbers. */
  nearest(): F64x2 {
    return this.give(simd(148));
  }
  /** Cut off to whole numbers, in lanes 0 and 1; the others become 0. */
  toI32x4Low(): I32x4 {
    return new I32x4(sequence([this], simd(252)));
  }
  /** Rounded to single precision, in lanes 0 and 1; the others become 0. */
  toF32x4Low(): F32x4 {
    return new F32x4(sequence([this], simd(94)));
  }
}

/** Vector types. A constant is given once for all lanes, or lane by lane. */
class LanesType<V extends Value, S extends Value = Value> extends Type<V> {
  constructor(
    of: new (code: Code) => V,
    private readonly lanes: number,
    private readonly splatOpcode: number,
    private readonly pack: (lanes: readonly number[]) => number[],
  ) {
    super('v128', of, simd(0));
  }

  override const(...values: readonly number[]): V {
    const lanes = values.length === 1 ? new Array<number>(this.lanes).fill(values[0]) : values;
    return new this.of(simd(12, ...this.pack(lanes)));
  }

  /** One value in all lanes. */
  splat(value: S): V {
    return new this.of(sequence([value], simd(this.splatOpcode)));
  }
}

class I32x4Type extends LanesType<I32x4, I32> {
  /** One number from memory in all lanes. */
  loadSplat(address: I32, offset = 0): I32x4 {
    return new I32x4(sequence([address], [...simd(9), ...memoryArgument(offset)]));
  }
  /** Four bytes as numbers of 0 and more. */
  load8U(address: I32, offset = 0): I32x4 {
    return new I32x4(sequence([address], [simd(92), memoryArgument(offset), simd(137), simd(169)]));
  }
  /** Four whole numbers of 16 bits each. */
  load16S(address: I32, offset = 0): I32x4 {
    return new I32x4(sequence([address], [...simd(3), ...memoryArgument(offset)]));
  }
}

class I16x8Type extends LanesType<I16x8, I32> {
  /** Eight bytes as numbers of 0 and more. */
  load8U(address: I32, offset = 0): I16x8 {
    return new I16x8(sequence([address], [...simd(2), ...memoryArgument(offset)]));
  }
}

class F32x4Type extends LanesType<F32x4, F32> {
  /** One number from memory in all lanes. */
  loadSplat(address: I32, offset = 0): F32x4 {
    return new F32x4(sequence([address], [...simd(9), ...memoryArgument(offset)]));
  }
}

export const i8x16 = new LanesType<I8x16, I32>(I8x16, 16, 15, (lanes) => lanes.map((lane) => lane & 255));
export const i16x8 = new I16x8Type(I16x8, 8, 16, (lanes) => littleEndian(Int16Array.from(lanes)));
export const i32x4 = new I32x4Type(I32x4, 4, 17, (lanes) => littleEndian(Int32Array.from(lanes)));
export const f32x4 = new F32x4Type(F32x4, 4, 19, (lanes) => littleEndian(Float32Array.from(lanes)));
export const f64x2 = new LanesType<F64x2, F64>(F64x2, 2, 20, (lanes) => littleEndian(Float64Array.from(lanes)));

/** Statement: writes one byte of 16. */
export function storeByte(address: I32, value: V128, lane: number, offset = 0): void {
  emit(address.code, value.code, simd(88), memoryArgument(offset), [lane]);
}
/** Statement: writes one lane of four, 4 bytes. */
export function storeLane(address: I32, value: V128, lane: number, offset = 0): void {
  emit(address.code, value.code, simd(90), memoryArgument(offset), [lane]);
}

const relaxedMulAdd = simd(0x105);
const relaxedNegativeMulAdd = simd(0x106);
