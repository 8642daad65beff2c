/** Multiply-adds for one image, by the kind of their operands. */
export interface MultiplyAdds {
  readonly binaryMultiplyAdds: number;
  readonly floatMultiplyAdds: number;
}

/**
 * FLOPs as the paper counts them, following Bi-Real Net: float multiply-adds plus 1/64 of the binary ones, since one instruction handles
 * 64 bits. Convolutions and the classifier are counted; BatchNorm, PReLU, skips, pooling and α are not.
 */
export function countFlops(layers: readonly MultiplyAdds[]): number {
  return layers.reduce((sum, layer) => sum + layer.floatMultiplyAdds + layer.binaryMultiplyAdds / 64, 0);
}
