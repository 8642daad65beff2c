/** How kernels spell the name of an op: `leakyRelu` is `leaky_relu`. */
export function kernelName(op: string): string {
  return op.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
