import './ops/convolution-gradient-rules.js';
import { type Recorder, replaceRecorders } from './op.js';

/**
 * Runs `body` with `listener` hearing every call, beside those that listen already: where a gradient is differentiated, both
 * tapes hear the function. With null nobody hears it.
 *
 * Gradient rules that have files of their own, since their kernels are large, come with this function. A bundle that only runs
 * networks has neither.
 */
export function withRecorder<T>(listener: Recorder | null, body: () => T): T {
  return replaceRecorders((outer) => (listener ? [...outer, listener] : []), body);
}
