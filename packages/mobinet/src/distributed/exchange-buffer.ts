/**
 * Numbers that ranks exchange: a typed array, also one over the memory of a tensor (`tensor.values`), which is sent and
 * received in place.
 */
export type ExchangeBuffer = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;
