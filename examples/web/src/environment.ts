import { findObstacle } from '../../../packages/mobinet/templates/page/src/obstacle.js';
import type { Kernels } from './protocol.js';

/** The capabilities of the browser and of the page. */
export interface Environment {
  readonly kernels: Kernels;
  /** Whether the browser supports WebGPU. Whether there is a GPU is known only after requesting one. */
  readonly hasWebGpu: boolean;
  /** What is missing and what is used instead, one note each. */
  readonly notes: readonly string[];
  /** Why the network cannot run at all; null if it can. */
  readonly obstacle: string | null;
}

/** A module whose only function makes a vector of 16 bytes and counts the bits of each. */
const simdModule = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

/**
 * Detects the environment.
 * @param choice The value of `?kernels=` in the URL: `reference` selects the definitions instead of the fast kernels.
 */
export function detectEnvironment(choice: string | null): Environment {
  const obstacle = findObstacle();
  const hasSimd = obstacle === null && WebAssembly.validate(simdModule);
  const notes: string[] = [];
  if (!crossOriginIsolated) {
    notes.push(
      'This page is not cross-origin isolated, so its threads cannot share memory: the network runs on one thread. ' +
        'To use more, serve the page with the headers that npm run demo sends.',
    );
  }
  if (!hasSimd) {
    notes.push(
      'This browser has no SIMD in WebAssembly, which the fast kernels need: plain loops run instead, on one thread. ' +
        'They are slower and give the same results.',
    );
  } else if (choice === 'reference') {
    notes.push('The definitions were requested: plain loops run instead of the fast kernels, on one thread.');
  }
  const kernels = hasSimd && choice !== 'reference' ? 'fast' : 'reference';
  return { kernels, hasWebGpu: 'gpu' in navigator, notes, obstacle };
}
