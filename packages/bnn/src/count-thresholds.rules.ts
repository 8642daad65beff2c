import { keep, type Tensor, tidy } from '@mobinet/tensor';
import type { Draft, OpCall } from '@mobinet/tensor/kernels';
import { countThresholdsOp, thresholdsOf } from './count-thresholds.js';
import type { Counts } from './counts.js';

/**
 * Puts thresholds in the place of a call that makes an output and its signs of counts and of a constant alone, where nobody reads but the
 * signs, and where there are thresholds.
 *
 * @param outputOf What the call makes of a count, given its constant and the channel.
 */
export function replaceByThresholds(
  draft: Draft,
  call: OpCall,
  outputOf: (constant: Tensor) => (c: number) => (count: number) => number,
  signs: number,
): void {
  const [counts, operand, ...skips] = call.inputs;
  const [output, outputSigns] = call.outputs;
  const constant = draft.constant(operand) as Tensor | undefined;
  // The elements of what lies on a GPU are not there to be read.
  if (skips.length > 0 || constant?.backend !== 'cpu') return;
  if (draft.reads(output) > 0 || draft.reads(outputSigns) === 0) return;
  const channels = constant.shape[1];
  const dtype = draft.value(counts).dtype as Counts['dtype'];
  const thresholds = tidy(() => keep(thresholdsOf(outputOf(constant), { channels, dtype, signs })));
  if (!thresholds) return;
  draft.replace(call, {
    ...{ kind: 'op', op: countThresholdsOp as unknown as OpCall['op'], attributes: undefined },
    ...{ inputs: [counts, draft.addConstant(thresholds, draft.value(operand).name)], outputs: [outputSigns] },
  });
}
