import { withBackend } from '../../backend.js';
import { tensor } from '../../create.js';
import type { DType } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';

/** Indices for `gather`, on the backend of x. */
export function indicesFor({ backend }: Tensor<DType>, positions: readonly number[]): Tensor<'i32'> {
  return withBackend(backend, () => tensor(Int32Array.from(positions)));
}
