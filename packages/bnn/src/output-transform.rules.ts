import { broadcastTo, concat, keep, reshape, sameShape, sizeOf, type Tensor, tidy } from '@mobinet/tensor/functions';
import { bitConv2dOp, type Draft, isCallOf, type OpCall, packBitsOp, type Rule } from '@mobinet/tensor/kernels';
import { countDType } from './counts.js';
import { outputTransformOp } from './output-transform.js';
import type { OutputTransformAttributes } from './output-transform-attributes.js';
import { replaceByThresholds } from './sign-thresholds.rules.js';
import type { TransformStep } from './transform-steps.js';

/** Calls as steps, with their operands as values of a program. */
interface Steps {
  readonly steps: readonly TransformStep[];
  readonly vectors: readonly number[];
  readonly skips: readonly number[];
}

/** Ops are matched by name, so that a page whose network has no PReLU, say, loads none of its kernels. */
const stepsOfOps: Readonly<Record<string, readonly TransformStep[]>> = {
  affine: ['scale', 'shift'],
  mul: ['scale'],
  add: ['shift'],
  prelu: ['prelu'],
  relu: ['relu'],
};

/** A GPU binds eight buffers to a kernel: four skips besides counts, vectors and results. */
const maxSkips = 4;

/** The steps that a call applies to x, one of its inputs; null if it cannot be expressed as steps. */
function stepsOf(draft: Draft, { op, inputs, outputs }: OpCall, x: number): Steps | null {
  const steps = stepsOfOps[op.name];
  const { shape } = draft.value(x);
  const operands = inputs.filter((input) => input !== x);
  if (!steps || operands.length !== inputs.length - 1 || !sameShape(draft.value(outputs[0]).shape, shape)) return null;
  if (operands.every((operand) => isVector(draft, operand, shape[shape.length - 1]))) {
    return { steps, vectors: operands, skips: [] };
  }
  const isSkip = op.name === 'add' && sameShape(draft.value(operands[0]).shape, shape);
  return isSkip ? { steps: ['skip'], vectors: [], skips: operands } : null;
}

/** Whether a value is a constant with one number per channel, or one number for all of them. */
function isVector(draft: Draft, value: number, channels: number): boolean {
  const { shape } = draft.value(value);
  const size = sizeOf(shape);
  return draft.constant(value) !== undefined && (size === 1 || (size === channels && shape.at(-1) === channels));
}

/** Stacks vectors into one constant, one row each. */
function joinVectors(draft: Draft, values: readonly number[], channels: number): number {
  const joined = tidy(() => {
    const rows = values.map((value) => {
      const x = draft.constant(value) as Tensor;
      const row = reshape(x, [-1, Math.min(x.size, channels)]);
      return broadcastTo(row, [row.shape[0], channels]);
    });
    return keep(concat(rows, 0));
  });
  return draft.addConstant(joined, draft.value(values[0]).name);
}

/** The inputs of a transform to which steps are appended. */
function withOperands(draft: Draft, transform: OpCall, more: readonly Steps[]): number[] {
  const [counts, vectors, ...skips] = transform.inputs;
  const rows = more.flatMap((steps) => steps.vectors);
  const channels = draft.value(counts).shape.at(-1)!;
  const joined = rows.length > 0 ? joinVectors(draft, [vectors, ...rows], channels) : vectors;
  return [counts, joined, ...skips, ...more.flatMap((steps) => steps.skips)];
}

/**
 * Starts a transform: `scaleCounts` becomes one with a single step, which reads counts of one or two bytes instead of
 * four. Channels must be a multiple of 8, since the kernel takes eight at a time.
 */
const startTransform: Rule = (draft, call) => {
  if (call.op.name !== 'scaleCounts') return;
  const [counts, alpha] = call.inputs;
  const conv = draft.maker(counts);
  if (!isCallOf(conv, bitConv2dOp) || conv.attributes.dtype !== 'i32' || draft.reads(counts) > 1) return;
  const signs = sizeOf(draft.value(conv.inputs[1]).shape.slice(1));
  const channels = draft.value(counts).shape[3];
  if (signs >= 2 ** 15 || channels % 8 !== 0 || !isVector(draft, alpha, channels)) return;
  const dtype = countDType(signs, conv.attributes);
  const small = draft.add({ ...draft.value(counts), dtype });
  draft.replace(conv, { ...conv, attributes: { ...conv.attributes, dtype }, outputs: [small] });
  const attributes: OutputTransformAttributes = { signs, steps: ['scale'], signSteps: null };
  draft.replace(call, {
    ...call,
    op: outputTransformOp as unknown as OpCall['op'],
    attributes,
    inputs: [small, joinVectors(draft, [alpha], channels)],
  });
};

/**
 * Fuses the only reader of a transform into it as further steps. The fused call takes the place of the reader, where
 * all of its operands are available.
 */
const fuseStep: Rule = (draft, call) => {
  for (const x of call.inputs) {
    const transform = draft.maker(x);
    if (!isCallOf(transform, outputTransformOp) || draft.reads(x) > 1 || transform.attributes.signSteps) continue;
    const more = stepsOf(draft, call, x);
    const inputs = more && withOperands(draft, transform, [more]);
    if (!inputs || inputs.length > 2 + maxSkips) continue;
    draft.replace(transform, null);
    const steps = [...transform.attributes.steps, ...more.steps];
    draft.replace(call, {
      ...transform,
      inputs,
      attributes: { ...transform.attributes, steps },
      outputs: call.outputs,
    });
    return;
  }
};

/** Fuses `packBits` of a transform's output into the transform, together with any steps between them. */
const fuseSigns: Rule = (draft, call) => {
  if (!isCallOf(call, packBitsOp)) return;
  const between: OpCall[] = [];
  const more: Steps[] = [];
  let x = call.inputs[0];
  let maker = draft.maker(x);
  while (maker && !isCallOf(maker, outputTransformOp)) {
    const from = maker.inputs.find((input) => draft.constant(input) === undefined);
    const steps = from !== undefined && draft.reads(x) === 1 && stepsOf(draft, maker, from);
    if (!steps || steps.skips.length > 0) return;
    between.unshift(maker);
    more.unshift(steps);
    x = from;
    maker = draft.maker(x);
  }
  if (!maker) return;
  const { attributes, outputs } = maker as OpCall & { attributes: OutputTransformAttributes };
  const signSteps = more.flatMap(({ steps }) => steps);
  // Several convolutions may read the signs of the same output.
  const hasSameSigns = attributes.signSteps?.length === 0 && signSteps.length === 0;
  if (attributes.signSteps && !hasSameSigns) return;
  for (const done of [call, ...between]) draft.replace(done, null);
  if (hasSameSigns) draft.redirect(call.outputs[0], outputs[1]);
  else {
    const inputs = withOperands(draft, maker, more);
    draft.replace(maker, { ...maker, inputs, attributes: { ...attributes, signSteps }, outputs: [x, call.outputs[0]] });
  }
};

/** Where only the signs are read, comparisons with thresholds replace the transform. */
const useThresholds: Rule = (draft, call) => {
  if (!isCallOf(call, outputTransformOp) || !call.attributes.signSteps) return;
  replaceByThresholds(draft, call, call.attributes.signs);
};

/**
 * Rules that fuse what follows a binary convolution into one pass over its counts. Each builds on those before it.
 */
export const outputTransformRules: readonly Rule[] = [startTransform, fuseStep, fuseSigns, useThresholds];
