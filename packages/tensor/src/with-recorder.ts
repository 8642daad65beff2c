import './ops/deferred-gradient-rules.js';
import { checkFunction } from './check.js';
import { type Recorder, replaceRecorders } from './op.js';

/**
 * Runs `body` with an additional recorder, which observes every op call. Recorders that are already installed keep
 * recording: when a gradient is differentiated, both tapes see the function. With null, nothing records.
 *
 * Importing this function also loads the gradient rules of convolutions, pools and others, which have a file of their own
 * because their kernels are large. A bundle that only runs networks contains neither the function nor the rules.
 *
 * @example
 * ```ts
 * import { matmul, ones, relu, withRecorder } from '@mobinet/tensor';
 *
 * const tape: string[] = [];
 * withRecorder({ record: ({ name }) => tape.push(name) }, () => relu(matmul(ones([1, 2]), ones([2, 1]))));
 * console.log(`${tape}`); // what a gradient engine walks back
 * // → matmul,relu
 * ```
 */
export function withRecorder<T>(recorder: Recorder | null, body: () => T): T {
  checkFunction('withRecorder', body);
  return replaceRecorders((outer) => (recorder ? [...outer, recorder] : []), body);
}
