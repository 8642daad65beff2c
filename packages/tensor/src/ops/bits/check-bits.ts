import type { BitTensor } from '../../bit-tensor.js';
import { DTypeError } from '../../errors.js';
import type { AnyTensor } from '../../op-definition.js';

/** For callers without a type checker: throws `DTypeError` where numbers stand in for signs. */
export function checkBits(op: string, name: string, operand: AnyTensor): asserts operand is BitTensor {
  if (operand.dtype !== 'bits') {
    throw new DTypeError(
      `${op}: ${name} is a Tensor<${operand.dtype}>, not a BitTensor. Pack its signs with packBits().`,
    );
  }
}
