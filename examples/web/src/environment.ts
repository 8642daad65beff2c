import type { Kernels } from './protocol.js';

/** What this browser, and this page in it, let the network do. */
export interface Environment {
  readonly kernels: Kernels;
  /** Whether the browser speaks WebGPU. That there is a GPU, only asking for it tells. */
  readonly hasWebGpu: boolean;
  /** What is lacking, and what is done instead: a sentence each. */
  readonly notes: readonly string[];
  /** Why nothing can be done at all; null if something can. */
  readonly obstacle: string | null;
}

/** A module with one function, which makes a vector of 16 bytes and counts the bits in each. */
const simdModule = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

/** @param choice The page's `?kernels=reference`, for those who doubt the fast kernels. */
export function lookAround(choice: string | null): Environment {
  const obstacle = hasSharedMemory()
    ? null
    : 'This browser lacks the WebAssembly that the network needs (shared memory). Use a current Chrome, Firefox or Safari.';
  const hasSimd = obstacle === null && WebAssembly.validate(simdModule);
  const notes: string[] = [];
  if (!crossOriginIsolated) {
    notes.push(
      'This page is not cross-origin isolated, so its threads may not share memory: the network runs on one thread. ' +
        'The server would have to send the headers that npm run demo sends.',
    );
  }
  if (!hasSimd) {
    notes.push(
      'WebAssembly has no SIMD here, which the fast kernels are made of: plain loops run in their place, on one thread. ' +
        'They take longer, and come to the same answers.',
    );
  } else if (choice === 'reference') {
    notes.push('You have asked for the definitions: plain loops run in place of the fast kernels, on one thread.');
  }
  const kernels = hasSimd && choice !== 'reference' ? 'fast' : 'reference';
  return { kernels, hasWebGpu: 'gpu' in navigator, notes, obstacle };
}

/** Pages that are not isolated have it, too; they only may not pass it on. */
function hasSharedMemory(): boolean {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }) instanceof WebAssembly.Memory;
  } catch {
    return false;
  }
}
