/**
 * Thrown when ranks cannot communicate: MPI cannot be loaded, it reports an error, or buffers do not fit together. The
 * message is one line that says what is wrong and how to fix it.
 *
 * @example
 * ```ts
 * import { alone, CommunicationError } from 'mobinet';
 *
 * try {
 *   alone.allGather(new Float32Array(4), new Float32Array(3));
 * } catch (error) {
 *   if (!(error instanceof CommunicationError)) throw error;
 *   console.log(error.message);
 * }
 * // → allGather: the buffers of all ranks have 1 × 16 bytes, but the buffer to receive them has 12. Make both fit
 * ```
 */
export class CommunicationError extends Error {
  override readonly name = 'CommunicationError';
}
