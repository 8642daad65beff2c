import { apply, type BitTensor, keep } from '@mobinet/tensor';
import type { Draft, OpCall } from '@mobinet/tensor/kernels';
import { countThresholdsOp, thresholdsOf } from './count-thresholds.js';
import type { Counts } from './counts.js';

/**
 * Puts thresholds in the place of a call that makes an output of counts and of a constant alone, and beside it the signs, where nobody
 * reads but these, and where there are thresholds.
 *
 * @param signs Of a filter.
 */
export function replaceByThresholds(draft: Draft, call: OpCall, signs: number): void {
  const [counts, operand, ...skips] = call.inputs;
  const [output, outputSigns] = call.outputs;
  const constant = draft.constant(operand);
  // The elements of what lies on a GPU are not there to be read.
  if (skips.length > 0 || constant?.backend !== 'cpu') return;
  if (draft.reads(output) > 0 || draft.reads(outputSigns) === 0) return;
  const channels = constant.shape[1];
  const dtype = draft.value(counts).dtype as Counts['dtype'];
  const signsOf = (counts: Counts): BitTensor => apply(call.op, [counts, constant], call.attributes)[1] as BitTensor;
  const thresholds = thresholdsOf(signsOf, { channels, dtype, signs });
  if (!thresholds) return;
  draft.replace(call, {
    ...{ kind: 'op', op: countThresholdsOp as unknown as OpCall['op'], attributes: undefined },
    ...{ inputs: [counts, draft.addConstant(keep(thresholds), draft.value(operand).name)], outputs: [outputSigns] },
  });
}
