/** Multiply-adds for one image, by the kind of their operands. */
export interface MultiplyAdds {
  readonly binaryMultiplyAdds: number;
  readonly floatMultiplyAdds: number;
}

/**
 * FLOPs as the paper and Bi-Real Net count them: float multiply-adds plus 1/64 of the binary ones, since one
 * instruction handles 64 bits. Only convolutions and the classifier count, not BatchNorm, PReLU, skips, pooling or α.
 */
export function countFlops(layers: readonly MultiplyAdds[]): number {
  return layers.reduce((sum, layer) => sum + layer.floatMultiplyAdds + layer.binaryMultiplyAdds / 64, 0);
}
