/** Why this browser cannot run the network at all; null if it can. */
export function findObstacle(): string | null {
  if (hasSharedMemory() && typeof OffscreenCanvas !== 'undefined') return null;
  return 'This browser is too old to run the network. Use a current Chrome, Firefox or Safari.';
}

/** Pages that are not cross-origin isolated have shared memory too, but cannot send it to other threads. */
function hasSharedMemory(): boolean {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }) instanceof WebAssembly.Memory;
  } catch {
    return false;
  }
}
