import type { BitTensor } from '../../bit-tensor.js';
import { checkTensor } from '../../check.js';
import { DTypeError } from '../../errors.js';
import type { AnyTensor } from '../../op-definition.js';

/** Throws `DTypeError`, or `TypeError` for what is no tensor at all, unless the operand is a BitTensor, for callers without a type checker. */
export function checkBits(op: string, name: string, operand: AnyTensor): asserts operand is BitTensor {
  checkTensor(op, operand, name);
  if (operand.dtype !== 'bits') {
    throw new DTypeError(
      `${op}: ${name} is a Tensor<${operand.dtype}>, not a BitTensor. Pack its signs with packBits().`,
    );
  }
}
