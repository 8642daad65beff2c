import { checkList, checkRecord } from '@mobinet/tensor/functions';

/** Multiply-adds for one image, by the kind of their operands. */
export interface MultiplyAdds {
  /** Multiply-adds of signs, which are computed by xor and popcount. */
  readonly binaryMultiplyAdds: number;
  /** Multiply-adds of floats. */
  readonly floatMultiplyAdds: number;
}

/**
 * FLOPs as the paper and Bi-Real Net count them: float multiply-adds plus 1/64 of the binary ones, since one
 * instruction handles 64 bits. Only convolutions and the classifier count, not BatchNorm, PReLU, skips, pooling or α.
 *
 * @example
 * ```ts
 * import { countFlops } from 'mobinet';
 *
 * console.log(countFlops([{ floatMultiplyAdds: 10, binaryMultiplyAdds: 640 }]));
 * // → 20
 * ```
 */
export function countFlops(layers: readonly MultiplyAdds[]): number {
  checkList('countFlops', layers, 'summary(network).layers');
  for (const layer of Array.from<unknown>(layers)) checkRecord('countFlops: a layer', layer);
  return layers.reduce((sum, layer) => sum + layer.floatMultiplyAdds + layer.binaryMultiplyAdds / 64, 0);
}
