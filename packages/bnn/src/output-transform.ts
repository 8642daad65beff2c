import { apply, type BitTensor, defineOp, ShapeError, sameShape, type Tensor } from '@mobinet/tensor/functions';
import { setBits } from '@mobinet/tensor/kernels';
import { type Counts, countOf } from './counts.js';
import { hasKernels } from './counts.wasm.js';
import { gpuKernels } from './gpu-kernels.js';
import { outputTransformByKernel } from './output-transform.wasm.js';
import type {
  OutputTransformAttributes,
  OutputTransformInputs,
  OutputTransformOutputs,
} from './output-transform-attributes.js';
import { type StepArithmetic, stepper } from './transform-steps.js';

/** The operands and attributes of `outputTransform`. */
export interface OutputTransform extends OutputTransformAttributes {
  /** [..., channels] */
  readonly counts: Counts;
  /** One row for each `scale`, `shift` and `prelu` step, [operands, channels]. */
  readonly vectors: Tensor;
  /** One tensor for each `skip` step, of the shape of the counts. A GPU takes at most four. */
  readonly skips: readonly Tensor[];
}

/** The results of `outputTransform`. */
interface OutputTransformResult {
  readonly output: Tensor;
  /** Null if no signs are requested. */
  readonly outputSigns: BitTensor | null;
}

/**
 * The output transform of a binary convolution: any steps that follow it, in any order, in one pass over the counts.
 * It also takes the signs of the result, after further steps if there are any. The steps are those of `scaleCounts`,
 * `affine` (a scale and a shift), `prelu`, `relu` and `add`, and each is rounded to f32 as in these ops, so the results
 * have the same bits. A GPU may fuse two steps and round once.
 *
 * @throws ShapeError if the operands do not match the steps.
 */
export function outputTransform({ counts, vectors, skips, ...attributes }: OutputTransform): OutputTransformResult {
  const [output, outputSigns = null] = apply(outputTransformOp, [counts, vectors, ...skips], attributes);
  return { output, outputSigns };
}

export const outputTransformOp = defineOp<OutputTransformInputs, OutputTransformOutputs, OutputTransformAttributes>({
  name: 'outputTransform',
  accepts: [['u8', 'i16', 'i32'], ['f32']],
  outputs([counts, vectors, ...skips], { steps, signSteps }) {
    const { shape } = counts;
    const all = [...steps, ...(signSteps ?? [])];
    const [skipSteps, reluSteps] = (['skip', 'relu'] as const).map(
      (kind) => all.filter((step) => step === kind).length,
    );
    const rows = all.length - skipSteps - reluSteps;
    const skipsFit = skips.length === skipSteps && skips.every((skip) => sameShape(skip.shape, shape));
    if (vectors.shape.join() !== `${rows},${shape[shape.length - 1]}` || !skipsFit) {
      const operands = [counts, vectors, ...skips].map(({ shape, label }, index) => ({
        name: ['counts', 'vectors'][index] ?? `skip ${index - 2}`,
        shape,
        note: label,
      }));
      const remedy = `These steps take vectors [${rows}, channels] and ${skipSteps} skips of the shape of the counts.`;
      throw new ShapeError('outputTransform', 'the operands do not fit', operands, remedy);
    }
    return [{ dtype: 'f32', shape }, ...(signSteps ? [{ dtype: 'bits' as const, shape }] : [])];
  },
  reference([counts, vectors, ...skips], [{ values: y }, ...[signs]], attributes) {
    const { steps, signSteps } = attributes;
    const channels = vectors.shape[1];
    const beforeSigns = new Float32Array(y.length);
    for (let at = 0; at < y.length; at++) {
      const applySteps = stepper(arithmetic, {
        vector: (row) => vectors.values[row * channels + (at % channels)],
        skip: (index) => skips[index].values[at],
      });
      y[at] = applySteps(countOf(counts.dtype, attributes.signs, counts.values[at]), steps);
      beforeSigns[at] = applySteps(y[at], signSteps ?? []);
    }
    if (signs) setBits(signs, (at) => beforeSigns[at] < 0);
  },
  fast(inputs, outputs, attributes) {
    if (hasKernels([inputs[0]])) outputTransformByKernel(inputs, outputs, attributes);
    else outputTransformOp.reference(inputs, outputs, attributes);
  },
  webgpu: (inputs, outputs, attributes) => gpuKernels().outputTransformOnGpu(inputs, outputs, attributes),
});

const arithmetic: StepArithmetic<number> = {
  scale: (x, factor) => Math.fround(x * factor),
  shift: (x, offset) => Math.fround(x + offset),
  prelu: (x, slope) => (x > 0 ? x : Math.fround(slope * x)),
  relu: (x) => Math.max(x, 0),
};
