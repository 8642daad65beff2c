import { apply } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { flushed } from '../flush.js';
import { flushedLanes } from '../flush.wasm.js';
import { elementwiseOp } from './elementwise.js';

/** Replaces tiny elements by 0, in gradient rules that are made of other ops: see flush.ts. */
export function flushTiny(x: Tensor): Tensor {
  return apply(flushTinyOp, [x], undefined)[0];
}

const flushTinyOp = elementwiseOp({
  name: 'flushTiny',
  scalar: (x) => flushed(x),
  lanes: (x) => flushedLanes(x),
  wgsl: 'flushed(x)',
  gradient: (dy) => [() => dy],
});
