/** Multiply-adds of one image, by the kind of their operands. */
export interface MultiplyAdds {
  readonly binaryMultiplyAdds: number;
  readonly floatMultiplyAdds: number;
}

/**
 * The paper's FLOPs (after Bi-Real Net): float multiply-adds, plus binary ones divided by 64, since one instruction
 * handles 64 bits. Counts convolutions and the classifier; BatchNorm, PReLU, skips, pooling and α are not counted.
 */
export function countFlops(layers: readonly MultiplyAdds[]): number {
  return layers.reduce((sum, layer) => sum + layer.floatMultiplyAdds + layer.binaryMultiplyAdds / 64, 0);
}
