/**
 * A small assembler for WebAssembly. Kernels are TypeScript functions that emit WebAssembly functions: expressions are
 * typed objects, statements are calls, and TypeScript loops are unrolled.
 */
export * from './control.js';
export { erf, normalDistribution } from './erf.js';
export { fillRest, forEachFour, type Rest, storeFour, sumOfFour } from './fours.js';
export type { F32x4, F64x2, I8x16, I16x8, I32x4 } from './lanes.js';
export { f32x4, f64x2, i8x16, i16x8, i32x4 } from './lanes.js';
export { exp, limitedExp, log, pow, tanh } from './math.js';
export { assemble, type MemoryType } from './module.js';
export { expm1, log1p, log1pOfFraction } from './near-zero.js';
export { PrivateMemory, privateMemory } from './private-memory.js';
export { mod } from './remainder.js';
export type { F32, F32Type, F64, I32, I32Type, I64 } from './scalars.js';
export { atomicAdd, f32, f64, i32, i64, select, store8, store16 } from './scalars.js';
export { transpose4x4 } from './transpose.js';
export { cos, sin, tan } from './trigonometry.js';
export { store, type Type, type Value, type Variable } from './values.js';
export { storeByte, storeHalf, storeLane, type V128 } from './vector.js';
