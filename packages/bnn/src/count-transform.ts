import { apply, type BitTensor, defineOp, ShapeError, sameShape, type Tensor } from '@mobinet/tensor';
import { setBits } from '@mobinet/tensor/kernels';
import { countTransformByKernel } from './count-transform.wasm.js';
import type {
  CountTransformAttributes,
  CountTransformInputs,
  CountTransformOutputs,
} from './count-transform-attributes.js';
import { type Counts, countOf } from './counts.js';
import { hasKernels } from './counts.wasm.js';
import { gpuKernels } from './gpu-kernels.js';
import { type StepArithmetic, stepper } from './transform-steps.js';

export interface CountTransform extends CountTransformAttributes {
  /** [..., channels] */
  readonly counts: Counts;
  /** [operands, channels]: those of `scale`, `shift` and `prelu`, a row for each such step. */
  readonly vectors: Tensor;
  /** Those of `skip`, each of the shape of the counts. A GPU takes four. */
  readonly skips: readonly Tensor[];
}

export interface CountTransformResult {
  readonly output: Tensor;
  readonly outputSigns: BitTensor | null;
}

/**
 * The output transform of a binary convolution: any steps that follow it, in any order, in one pass over the counts, and the signs of
 * the result, or of what further steps make of it. The steps are those of `scaleCounts`, `affine` (a scale and a shift), `prelu`, `relu`
 * and `add`, and round as these do, each to f32: so the results are the same bits. GPUs may round once for two steps.
 *
 * @throws ShapeError if the operands are not those of the steps.
 */
export function countTransform({ counts, vectors, skips, ...attributes }: CountTransform): CountTransformResult {
  const [output, outputSigns = null] = apply(countTransformOp, [counts, vectors, ...skips], attributes);
  return { output, outputSigns };
}

export const countTransformOp = defineOp<CountTransformInputs, CountTransformOutputs, CountTransformAttributes>({
  name: 'countTransform',
  outputs([counts, vectors, ...skips], { steps, signSteps }) {
    const { shape } = counts;
    const all = [...steps, ...(signSteps ?? [])];
    const [skipSteps, reluSteps] = (['skip', 'relu'] as const).map(
      (kind) => all.filter((step) => step === kind).length,
    );
    const rows = all.length - skipSteps - reluSteps;
    const skipsFit = skips.length === skipSteps && skips.every((skip) => sameShape(skip.shape, shape));
    if (vectors.shape.join() !== `${rows},${shape[shape.length - 1]}` || !skipsFit) {
      const operands = [counts, vectors, ...skips].map(({ shape, label }, at) => ({
        ...{ name: ['counts', 'vectors'][at] ?? `skip ${at - 2}`, shape, note: label },
      }));
      const remedy = `These steps take vectors [${rows}, channels] and ${skipSteps} skips of the shape of the counts.`;
      throw new ShapeError('countTransform', 'the operands do not fit', operands, remedy);
    }
    return [{ dtype: 'f32', shape }, ...(signSteps ? [{ dtype: 'bits' as const, shape }] : [])];
  },
  reference([counts, vectors, ...skips], [{ values: y }, ...[signs]], attributes) {
    const { steps, signSteps } = attributes;
    const channels = vectors.shape[1];
    const beforeSigns = new Float32Array(y.length);
    for (let at = 0; at < y.length; at++) {
      const take = stepper(arithmetic, {
        vector: (row) => vectors.values[row * channels + (at % channels)],
        skip: (index) => skips[index].values[at],
      });
      y[at] = take(countOf(counts.dtype, attributes.signs, counts.values[at]), steps);
      beforeSigns[at] = take(y[at], signSteps ?? []);
    }
    if (signs) setBits(signs, (at) => beforeSigns[at] < 0);
  },
  fast(inputs, outputs, attributes) {
    if (hasKernels([inputs[0]])) countTransformByKernel(inputs, outputs, attributes);
    else countTransformOp.reference(inputs, outputs, attributes);
  },
  webgpu: (inputs, outputs, attributes) => gpuKernels().countTransformOnGpu(inputs, outputs, attributes),
});

const arithmetic: StepArithmetic<number> = {
  scale: (x, factor) => Math.fround(x * factor),
  shift: (x, offset) => Math.fround(x + offset),
  prelu: (x, slope) => (x > 0 ? x : Math.fround(slope * x)),
  relu: (x) => Math.max(x, 0),
};
