import { isCallOf, type OpCall, packBitsOp, type Rule, type Window } from '@mobinet/tensor/kernels';
import { countLinesOp } from './count-lines.js';
import type { LinesPool } from './count-lines-attributes.js';
import { replaceByThresholds } from './count-thresholds.rules.js';

/** A 2×2 pool of what lines make of counts is done by the lines. */
const poolByLines: Rule = (draft, pool) => {
  const kind = poolOf(pool);
  const lines = draft.maker(pool.inputs[0]);
  if (!kind || !isCallOf(lines, countLinesOp) || lines.attributes.pool) return;
  const [output, signs] = lines.outputs;
  // Whoever reads what is there before the pool needs the lines without it.
  if (pool.inputs[0] !== output || draft.reads(output) > 1 || draft.reads(signs) > 0) return;
  const pooled = pool.outputs[0];
  const pooledSigns = draft.add({ ...draft.value(signs), shape: draft.value(pooled).shape });
  draft.replace(pool, null);
  draft.replace(lines, { ...lines, attributes: { ...lines.attributes, pool: kind }, outputs: [pooled, pooledSigns] });
};

/** By their names, since a page that runs a network without pools of its own needs none of their kernels. */
const pools: Readonly<Record<string, LinesPool>> = { avgPool2d: 'average', maxPool2d: 'max', minPool2d: 'min' };

/** What is left of each 2×2 pixels by a call; null for calls of all other kinds. */
function poolOf({ op, attributes }: OpCall): LinesPool | null {
  const kind = pools[op.name];
  if (!kind) return null;
  const { height, width } = (attributes as { window: Window }).window;
  const halves = [height, width].every(
    ({ taps, stride, before, input, output }) => taps === 2 && stride === 2 && before === 0 && output === input >> 1,
  );
  return halves ? kind : null;
}

/** The signs of what lines make of counts are made beside it. */
const signsByLines: Rule = (draft, call) => {
  const lines = draft.maker(call.inputs[0]);
  if (!isCallOf(call, packBitsOp) || !isCallOf(lines, countLinesOp) || lines.outputs[0] !== call.inputs[0]) return;
  draft.replace(call, null);
  draft.redirect(call.outputs[0], lines.outputs[1]);
};

/** Where nobody reads but the signs, lines are thresholds. */
const thresholdsOfLines: Rule = (draft, call) => {
  if (!isCallOf(call, countLinesOp) || call.attributes.pool) return;
  replaceByThresholds(draft, call, call.attributes.signs);
};

/** How the layers of a binary network in evaluation become passes over counts of bits. In this order: each counts on those before it. */
export const countLinesRules: readonly Rule[] = [poolByLines, signsByLines, thresholdsOfLines];
