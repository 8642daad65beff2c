import { apply, type BitTensor, keep } from '@mobinet/tensor/functions';
import type { Draft, OpCall } from '@mobinet/tensor/kernels';
import type { Counts } from './counts.js';
import { signThresholdsOp, thresholdsOf } from './sign-thresholds.js';

/**
 * Replaces a call by `signThresholds`, provided that it computes an output and its signs from counts and one constant,
 * that only the signs are read, and that thresholds exist.
 *
 * @param signs The number of weights of a filter.
 */
export function replaceByThresholds(draft: Draft, call: OpCall, signs: number): void {
  const [counts, operand, ...skips] = call.inputs;
  const [output, outputSigns] = call.outputs;
  const constant = draft.constant(operand);
  // The elements of a constant on a GPU cannot be read here.
  if (skips.length > 0 || constant?.backend !== 'cpu') return;
  if (draft.reads(output) > 0 || draft.reads(outputSigns) === 0) return;
  const channels = constant.shape[1];
  const dtype = draft.value(counts).dtype as Counts['dtype'];
  const signsOf = (counts: Counts): BitTensor => apply(call.op, [counts, constant], call.attributes)[1] as BitTensor;
  const thresholds = thresholdsOf(signsOf, { channels, dtype, signs });
  if (!thresholds) return;
  draft.replace(call, {
    kind: 'op',
    op: signThresholdsOp as unknown as OpCall['op'],
    attributes: undefined,
    inputs: [counts, draft.addConstant(keep(thresholds), draft.value(operand).name)],
    outputs: [outputSigns],
  });
}
