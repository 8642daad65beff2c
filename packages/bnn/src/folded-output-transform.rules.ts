import { isCallOf, type OpCall, packBitsOp, type Rule, type Window } from '@mobinet/tensor/kernels';
import { foldedOutputTransformOp } from './folded-output-transform.js';
import type { OutputPool } from './folded-output-transform-attributes.js';
import { replaceByThresholds } from './sign-thresholds.rules.js';

/** Fuses a 2×2 pool into the folded output transform before it. */
const fusePool: Rule = (draft, pool) => {
  const kind = poolOf(pool);
  const transform = draft.maker(pool.inputs[0]);
  if (!kind || !isCallOf(transform, foldedOutputTransformOp) || transform.attributes.pool) return;
  const [output, signs] = transform.outputs;
  // Another reader of the unpooled result needs the transform without the pool.
  if (pool.inputs[0] !== output || draft.reads(output) > 1 || draft.reads(signs) > 0) return;
  const pooled = pool.outputs[0];
  const pooledSigns = draft.add({ ...draft.value(signs), shape: draft.value(pooled).shape });
  draft.replace(pool, null);
  draft.replace(transform, {
    ...transform,
    attributes: { ...transform.attributes, pool: kind },
    outputs: [pooled, pooledSigns],
  });
};

/** Pools are matched by name, so that a page whose network has no pools of its own loads none of their kernels. */
const pools: Readonly<Record<string, OutputPool>> = { avgPool2d: 'average', maxPool2d: 'max', minPool2d: 'min' };

/** The kind of a 2×2 pool with stride 2; null for all other calls. */
function poolOf({ op, attributes }: OpCall): OutputPool | null {
  const kind = pools[op.name];
  if (!kind) return null;
  const { height, width } = (attributes as { window: Window }).window;
  const halves = [height, width].every(
    ({ taps, stride, before, input, output }) => taps === 2 && stride === 2 && before === 0 && output === input >> 1,
  );
  return halves ? kind : null;
}

/** Replaces `packBits` of the output by the signs that the transform computes as its second output. */
const fuseSigns: Rule = (draft, call) => {
  const transform = draft.maker(call.inputs[0]);
  if (!isCallOf(call, packBitsOp) || !isCallOf(transform, foldedOutputTransformOp)) return;
  if (transform.outputs[0] !== call.inputs[0]) return;
  draft.replace(call, null);
  draft.redirect(call.outputs[0], transform.outputs[1]);
};

/** Where only the signs are read, comparisons with thresholds replace the transform. */
const useThresholds: Rule = (draft, call) => {
  if (!isCallOf(call, foldedOutputTransformOp) || call.attributes.pool) return;
  replaceByThresholds(draft, call, call.attributes.signs);
};

/** Rules that fuse pools and signs into a folded output transform. Each builds on those before it. */
export const foldedOutputTransformRules: readonly Rule[] = [fusePool, fuseSigns, useThresholds];
