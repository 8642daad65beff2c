import { littleEndian } from './encoding.js';
import { hasRelaxedSimd } from './features.js';
import { F32, F64, I32 } from './scalars.js';
import { memoryArgument, sequence, type Value } from './values.js';
import { LanesType, simd, V128 } from './vector.js';

// 128-bit SIMD vectors with lanes of one type. In the opcode table, the instructions of a group follow each other in
// the same order for every type. A class therefore only defines where its comparisons and its arithmetic start.

abstract class IntegerLanes<Self extends Value> extends V128<Self> {
  protected abstract get comparisons(): number;
  protected abstract get arithmetic(): number;

  /** Comparisons return a mask: all bits of a lane are 1 where the result is true, and 0 where it is false. */
  eq(b: Self): Self {
    return this.apply(simd(this.comparisons), b);
  }
  /** Whether this is greater than b, as signed integers, as a mask: see `eq`. */
  gtS(b: Self): Self {
    return this.apply(simd(this.comparisons + 4), b);
  }
  /** The absolute value of each lane. */
  abs(): Self {
    return this.apply(simd(this.arithmetic - 11));
  }
  /** The highest bits of the lanes, packed into one number. */
  bitmask(): I32 {
    return new I32(sequence([this], simd(this.arithmetic - 7)));
  }
  /** Shifts the lanes to the left. */
  shl(bits: I32): Self {
    return this.apply(simd(this.arithmetic), bits);
  }
  /** Shifts the lanes right, and fills them with their sign. */
  shrS(bits: I32): Self {
    return this.apply(simd(this.arithmetic + 1), bits);
  }
  /** Shifts the lanes right, and fills them with 0. */
  shrU(bits: I32): Self {
    return this.apply(simd(this.arithmetic + 2), bits);
  }
  /** The sums, lane by lane. */
  add(b: Self): Self {
    return this.apply(simd(this.arithmetic + 3), b);
  }
  /** The differences, lane by lane. */
  sub(b: Self): Self {
    return this.apply(simd(this.arithmetic + 6), b);
  }
}

/** 16 lanes of 8-bit integers. */
export class I8x16 extends IntegerLanes<I8x16> {
  protected override get comparisons(): number {
    return 35;
  }
  protected override get arithmetic(): number {
    return 107;
  }
  /** Counts the bits that are 1 in each lane. */
  popcnt(): I8x16 {
    return this.apply(simd(98));
  }
  /** `swizzle` for indices below 16. With relaxed SIMD, it is a single instruction on x86, too. */
  swizzleBelow16(indices: I8x16): I8x16 {
    return hasRelaxedSimd() ? this.apply(relaxedSwizzle, indices) : this.swizzle(indices);
  }
  /** Selects bytes of this vector by index. An index of 16 or more selects 0. */
  swizzle(indices: I8x16): I8x16 {
    return this.apply(simd(14), indices);
  }
  /** Widens the eight low lanes, unsigned bytes, to 16 bits. */
  toI16x8LowU(): I16x8 {
    return new I16x8(sequence([this], simd(137)));
  }
  /** Widens the eight high lanes, unsigned bytes, to 16 bits. */
  toI16x8HighU(): I16x8 {
    return new I16x8(sequence([this], simd(138)));
  }
}

/** 8 lanes of 16-bit integers. */
export class I16x8 extends IntegerLanes<I16x8> {
  protected override get comparisons(): number {
    return 45;
  }
  protected override get arithmetic(): number {
    return 139;
  }
  /** Narrows the lanes of this and b to signed bytes, with saturation. */
  narrowS(b: I16x8): I8x16 {
    return new I8x16(sequence([this, b], simd(101)));
  }
  /** Narrows the lanes of this and b to unsigned bytes, with saturation. */
  narrowU(b: I16x8): I8x16 {
    return new I8x16(sequence([this, b], simd(102)));
  }
  /** Widens the four low lanes to 32 bits. */
  toI32x4LowS(): I32x4 {
    return new I32x4(sequence([this], simd(167)));
  }
  /** Widens the four high lanes to 32 bits. */
  toI32x4HighS(): I32x4 {
    return new I32x4(sequence([this], simd(168)));
  }
  /** Multiplies lane by lane, and adds neighboring products, in 32 bits. */
  dotS(b: I16x8): I32x4 {
    return new I32x4(sequence([this, b], simd(186)));
  }
}

/** 4 lanes of 32-bit integers. */
export class I32x4 extends IntegerLanes<I32x4> {
  protected override get comparisons(): number {
    return 55;
  }
  protected override get arithmetic(): number {
    return 171;
  }
  /** The products, lane by lane, without the bits that do not fit. */
  mul(b: I32x4): I32x4 {
    return this.apply(simd(181), b);
  }
  /** Narrows the lanes of this and b to 16 bits, with saturation. */
  narrowS(b: I32x4): I16x8 {
    return new I16x8(sequence([this, b], simd(133)));
  }
  /** Rounds signed integers to single precision. */
  toF32x4S(): F32x4 {
    return new F32x4(sequence([this], simd(250)));
  }
  /** Converts lanes 0 and 1 to double precision. */
  toF64x2LowS(): F64x2 {
    return new F64x2(sequence([this], simd(254)));
  }
  /** One lane, counted from 0. */
  lane(index: number): I32 {
    return new I32(sequence([this], simd(27, index)));
  }
}

abstract class FloatLanes<Self extends Value> extends V128<Self> {
  protected abstract get comparisons(): number;
  protected abstract get arithmetic(): number;

  /** Comparisons return a mask: all bits of a lane are 1 where the result is true, and 0 where it is false. */
  eq(b: Self): Self {
    return this.apply(simd(this.comparisons), b);
  }
  /** Whether they differ, as a mask: see `eq`. NaN differs from everything. */
  ne(b: Self): Self {
    return this.apply(simd(this.comparisons + 1), b);
  }
  /** Whether this is less than b, as a mask: see `eq`. */
  lt(b: Self): Self {
    return this.apply(simd(this.comparisons + 2), b);
  }
  /** Whether this is greater than b, as a mask: see `eq`. */
  gt(b: Self): Self {
    return this.apply(simd(this.comparisons + 3), b);
  }
  /** Whether this is less than b or equal, as a mask: see `eq`. */
  le(b: Self): Self {
    return this.apply(simd(this.comparisons + 4), b);
  }
  /** Whether this is greater than b or equal, as a mask: see `eq`. */
  ge(b: Self): Self {
    return this.apply(simd(this.comparisons + 5), b);
  }
  /** The absolute value of each lane. */
  abs(): Self {
    return this.apply(simd(this.arithmetic));
  }
  /** The negative of each lane. */
  neg(): Self {
    return this.apply(simd(this.arithmetic + 1));
  }
  /** The square root of each lane. */
  sqrt(): Self {
    return this.apply(simd(this.arithmetic + 3));
  }
  /** The sums, lane by lane. */
  add(b: Self): Self {
    return this.apply(simd(this.arithmetic + 4), b);
  }
  /** The differences, lane by lane. */
  sub(b: Self): Self {
    return this.apply(simd(this.arithmetic + 5), b);
  }
  /** The products, lane by lane. */
  mul(b: Self): Self {
    return this.apply(simd(this.arithmetic + 6), b);
  }
  /** The quotients, lane by lane. */
  div(b: Self): Self {
    return this.apply(simd(this.arithmetic + 7), b);
  }
  /** b where b < this, otherwise this, also where one of them is NaN: a single instruction on every processor. */
  pmin(b: Self): Self {
    return this.apply(simd(this.arithmetic + 10), b);
  }
  /** b where this < b, otherwise this, also where one of them is NaN. */
  pmax(b: Self): Self {
    return this.apply(simd(this.arithmetic + 11), b);
  }
  /** The minimum by IEEE 754: NaN where either is NaN, and −0 < +0. Some processors need many instructions for it. */
  min(b: Self): Self {
    return this.apply(simd(this.arithmetic + 8), b);
  }
  /** The maximum by IEEE 754: NaN where either is NaN, and +0 > −0. */
  max(b: Self): Self {
    return this.apply(simd(this.arithmetic + 9), b);
  }
}

/** 4 lanes of single-precision floats. */
export class F32x4 extends FloatLanes<F32x4> {
  protected override get comparisons(): number {
    return 65;
  }
  protected override get arithmetic(): number {
    return 224;
  }
  /** this + a·b. Rounds once where relaxed SIMD is available, with one instruction, and otherwise twice. */
  addMul(a: F32x4, b: F32x4): F32x4 {
    return hasRelaxedSimd() ? a.apply(relaxedMulAdd, b, this) : this.add(a.mul(b));
  }
  /** this − a·b, rounded like `addMul`. */
  subMul(a: F32x4, b: F32x4): F32x4 {
    return hasRelaxedSimd() ? a.apply(relaxedNegativeMulAdd, b, this) : this.sub(a.mul(b));
  }
  /** `where` for a mask that a comparison made: a single instruction where relaxed SIMD is available. */
  whereTrue(comparison: V128, other: F32x4): F32x4 {
    return hasRelaxedSimd() ? this.apply(relaxedLaneSelect, other, comparison) : this.where(comparison, other);
  }
  /** One lane, counted from 0. */
  lane(index: number): F32 {
    return new F32(sequence([this], simd(31, index)));
  }
  /** Replaces one lane by a float from memory. */
  loadLane(address: I32, lane: number, offset = 0): F32x4 {
    return new F32x4(sequence([address, this], [simd(86), memoryArgument(offset), [lane]]));
  }
  /** Converts lanes 0 and 1 to double precision. */
  toF64x2Low(): F64x2 {
    return new F64x2(sequence([this], simd(95)));
  }
  /** Rounds up to integers. */
  ceil(): F32x4 {
    return this.apply(simd(103));
  }
  /** Rounds down to integers. */
  floor(): F32x4 {
    return this.apply(simd(104));
  }
  /** Rounds towards zero to integers. */
  trunc(): F32x4 {
    return this.apply(simd(105));
  }
  /** Rounds to the nearest integers. Ties go to even. */
  nearest(): F32x4 {
    return this.apply(simd(106));
  }
  /** Rounds to the nearest integers, with saturation. Ties go to even. */
  toI32x4(): I32x4 {
    return new I32x4(sequence([this], [...simd(106), ...simd(248)]));
  }
  /** Selects any four lanes of two vectors. Indices 0–3 refer to this one, 4–7 to the other. */
  shuffle(other: F32x4, ...lanes: readonly number[]): F32x4 {
    return this.shuffleBytes(
      other,
      lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
    );
  }
}

/** 2 lanes of double-precision floats. */
export class F64x2 extends FloatLanes<F64x2> {
  protected override get comparisons(): number {
    return 71;
  }
  protected override get arithmetic(): number {
    return 236;
  }
  /** One lane, counted from 0. */
  lane(index: number): F64 {
    return new F64(sequence([this], simd(33, index)));
  }
  /** Rounds towards zero to integers. */
  trunc(): F64x2 {
    return this.apply(simd(122));
  }
  /** Rounds to the nearest integers. Ties go to even. */
  nearest(): F64x2 {
    return this.apply(simd(148));
  }
  /** Truncates to integers in lanes 0 and 1, with saturation. The other lanes become 0. */
  toI32x4Low(): I32x4 {
    return new I32x4(sequence([this], simd(252)));
  }
  /** Rounds to single precision in lanes 0 and 1. The other lanes become 0. */
  toF32x4Low(): F32x4 {
    return new F32x4(sequence([this], simd(94)));
  }
}

class I8x16Type extends LanesType<I8x16, I32> {
  /** Loads one byte into all lanes. */
  loadSplat(address: I32, offset = 0): I8x16 {
    return new I8x16(sequence([address], [...simd(7), ...memoryArgument(offset)]));
  }
}

class I32x4Type extends LanesType<I32x4, I32> {
  /** Loads one number into all lanes. */
  loadSplat(address: I32, offset = 0): I32x4 {
    return new I32x4(sequence([address], [simd(9), memoryArgument(offset)]));
  }
  /** Loads four unsigned bytes, widened to 32 bits. */
  load8U(address: I32, offset = 0): I32x4 {
    return new I32x4(sequence([address], [simd(92), memoryArgument(offset), simd(137), simd(169)]));
  }
  /** Loads four signed 16-bit integers, widened to 32 bits. */
  load16S(address: I32, offset = 0): I32x4 {
    return new I32x4(sequence([address], [simd(3), memoryArgument(offset)]));
  }
}

class I16x8Type extends LanesType<I16x8, I32> {
  /** Loads eight unsigned bytes, widened to 16 bits. */
  load8U(address: I32, offset = 0): I16x8 {
    return new I16x8(sequence([address], [simd(2), memoryArgument(offset)]));
  }
}

class F32x4Type extends LanesType<F32x4, F32> {
  /** Loads one number into all lanes. */
  loadSplat(address: I32, offset = 0): F32x4 {
    return new F32x4(sequence([address], [simd(9), memoryArgument(offset)]));
  }
}

/**
 * The type of vectors of 16 bytes.
 *
 * @example
 * ```ts
 * import { assemble, i8x16, i32, PrivateMemory, privateMemory, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(
 *   assemble('swizzle', [], privateMemory, () => {
 *     const table = i8x16.const(...Array.from({ length: 16 }, (_, i) => i * i)); // 16 entries, looked up 16 at a time
 *     store(i32.const(0), table.swizzle(i8x16.const(3)));
 *   }),
 * )();
 * console.log(`${memory.bytes(0, 3)}`);
 * // → 9,9,9
 * ```
 */
export const i8x16 = new I8x16Type(I8x16, 16, 15, (lanes) => lanes.map((lane) => lane & 255));
/**
 * The type of vectors of eight 16-bit integers.
 *
 * @example
 * ```ts
 * import { assemble, i16x8, i32, PrivateMemory, privateMemory, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(
 *   assemble('dot', [], privateMemory, () => {
 *     store(i32.const(0), i16x8.const(1, 2, 3, 4, 5, 6, 7, 8).dotS(i16x8.const(10)));
 *   }),
 * )();
 * console.log(`${memory.words(0, 4)}`); // 10·(1 + 2), …
 * // → 30,70,110,150
 * ```
 */
export const i16x8 = new I16x8Type(I16x8, 8, 16, (lanes) => littleEndian(Int16Array.from(lanes)));
/**
 * The type of vectors of four 32-bit integers.
 *
 * @example
 * ```ts
 * import { assemble, i32, i32x4, PrivateMemory, privateMemory, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(
 *   assemble('add', [], privateMemory, () => {
 *     store(i32.const(0), i32x4.const(1, 2, 3, 4).add(i32x4.splat(i32.const(100))));
 *   }),
 * )();
 * console.log(`${memory.words(0, 4)}`);
 * // → 101,102,103,104
 * ```
 */
export const i32x4 = new I32x4Type(I32x4, 4, 17, (lanes) => littleEndian(Int32Array.from(lanes)));
/**
 * The type of vectors of four single-precision floats.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { Kernel } from '@mobinet/tensor/kernels';
 * import { f32x4, forRange, i32, store } from '@mobinet/tensor/wasm';
 *
 * const axpy = new Kernel('axpy', { x: i32, y: i32 }, ({ x, y }, from, to) => {
 *   forRange(from, to, 1, (four) => {
 *     const at = y.add(four.mul(16));
 *     store(at, f32x4.load(at).addMul(f32x4.const(10), f32x4.load(x.add(four.mul(16))))); // y + 10·x
 *   });
 * });
 * const [x, y] = [tensor([1, 2, 3, 4]), tensor([5, 5, 5, 5])];
 * axpy.run({ x, y }, 1);
 * console.log(`${y.values}`);
 * // → 15,25,35,45
 * ```
 */
export const f32x4 = new F32x4Type(F32x4, 4, 19, (lanes) => littleEndian(Float32Array.from(lanes)));
/**
 * The type of vectors of two double-precision floats.
 *
 * @example
 * ```ts
 * import { assemble, f64x2, i32, PrivateMemory, privateMemory, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(assemble('roots', [], privateMemory, () => store(i32.const(0), f64x2.const(2, 9).sqrt())))();
 * console.log(`${new Float64Array(memory.bytes(0, 16).slice().buffer)}`);
 * // → 1.4142135623730951,3
 * ```
 */
export const f64x2 = new LanesType<F64x2, F64>(F64x2, 2, 20, (lanes) => littleEndian(Float64Array.from(lanes)));

const relaxedSwizzle = simd(0x100);
const relaxedMulAdd = simd(0x105);
const relaxedNegativeMulAdd = simd(0x106);
const relaxedLaneSelect = simd(0x10b);
