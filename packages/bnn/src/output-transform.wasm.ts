import {
  chunksOf,
  type F32x4,
  f32x4,
  forRange,
  type I16x8,
  i16x8,
  i32,
  i32x4,
  Kernel,
  type KernelParameters,
  memoize,
  type ParameterTypes,
  store,
  store8,
  store16,
} from '@mobinet/tensor/kernels';
import { bytesOf, type CountDType, loadCounts } from './counts.wasm.js';
import type {
  OutputTransformAttributes,
  OutputTransformInputs,
  OutputTransformOutputs,
} from './output-transform-attributes.js';
import { keyToSteps, type StepArithmetic, skipNames, stepper, stepsToKey } from './transform-steps.js';

export function outputTransformByKernel(
  [counts, vectors, ...skips]: OutputTransformInputs,
  [output, ...[outputSigns]]: OutputTransformOutputs,
  { signs, steps, signSteps }: OutputTransformAttributes,
): void {
  const channels = vectors.shape[1];
  const rows = counts.size / channels;
  if (channels % 32 !== 0) outputSigns?.words.fill(0);
  const keys = [stepsToKey(steps), signSteps !== null, stepsToKey(signSteps ?? [])] as const;
  transformKernel(counts.dtype, channels, ...keys).run(
    {
      counts,
      signs,
      vectors,
      output,
      outputSigns: outputSigns ?? 0,
      ...Object.fromEntries(skips.map((skip, k) => [`skip${k}`, skip])),
    },
    rows,
    { grain: chunksOf(rows, 2 + channels * (0.15 + 0.05 * steps.length)) },
  );
}

const zero = f32x4.const(0);

/** Without `addMul`, since each step is rounded. */
const arithmetic: StepArithmetic<F32x4> = {
  scale: (x, factor) => x.mul(factor),
  shift: (x, offset) => x.add(offset),
  prelu(x, slope) {
    const once = f32x4.variable(x, 'x');
    return once.where(once.gt(zero), once.mul(slope));
  },
  // `max` takes many instructions on some processors. `pmax` keeps −0; adding 0 turns it into +0.
  relu: (x) => x.pmax(zero).add(zero),
};

/**
 * For each row, eight channels at a time: the steps, then the signs of the result as a byte. The number of channels is
 * compiled into the kernel, which saves address arithmetic.
 */
const transformKernel = memoize(
  (dtype: CountDType, channels: number, steps: string, hasSigns: boolean, signSteps: string) => {
    const skips = skipNames([...keyToSteps(steps), ...keyToSteps(signSteps)]);
    const parameters: ParameterTypes = {
      counts: i32,
      signs: i32,
      vectors: i32,
      output: i32,
      outputSigns: i32,
      ...Object.fromEntries(skips.map((name) => [name, i32])),
    };
    const name = `output_transform_${dtype}_${steps}${hasSigns ? `_signs_${signSteps}` : ''}_c${channels}`;
    return new Kernel<ParameterTypes>(name, parameters, (all, from, to) => {
      const p = all as KernelParameters<Record<string, typeof i32>>;
      const bytes = bytesOf[dtype];
      const step = channels % 32 === 0 ? 32 : 8;
      const signs = i16x8.variable(i16x8.splat(p.signs), 'signs');
      const first = i32.variable(from.mul(channels), 'first');
      const count = i32.variable(p.counts.add(first.mul(bytes)), 'count');
      const [target, ...skipsAt] = ['output', ...skips].map((name) => i32.variable(p[name].add(first.shl(2)), name));

      forRange(from, to, 1, (row) => {
        const vectorAt = i32.variable(p.vectors, 'vectorAt');
        const signAt = i32.variable(p.outputSigns.add(row.mul(4 * Math.ceil(channels / 32))), 'signAt');

        /** Writes eight channels, starting at `channel`, and returns the mask of those below 0. */
        const eight = (channel: number): I16x8 => {
          const counts = i16x8.variable(loadCounts(dtype, signs, count, channel * bytes), 'counts');
          const isNegative = [0, 4].map((four) => {
            const offset = 4 * (channel + four);
            const applySteps = stepper(arithmetic, {
              vector: (row) => f32x4.load(vectorAt, 4 * channels * row + offset),
              skip: (index) => f32x4.load(skipsAt[index], offset),
            });
            const widened = four === 0 ? counts.toI32x4LowS() : counts.toI32x4HighS();
            const y = f32x4.variable(applySteps(widened.toF32x4S(), keyToSteps(steps)), 'y');
            store(target, y, offset);
            return hasSigns ? applySteps(y, keyToSteps(signSteps)).lt(zero).as(i32x4) : i32x4.const(0);
          });
          return i16x8.variable(isNegative[0].narrowS(isNegative[1]), 'isNegative');
        };

        forRange(0, i32.const(channels), step, () => {
          for (let channel = 0; channel < step; channel += 16) {
            const low = eight(channel);
            const high = step === 8 ? null : eight(channel + 8);
            if (!hasSigns) continue;
            if (high) store16(signAt, low.narrowS(high).bitmask(), channel / 8);
            else store8(signAt, low.bitmask());
          }
          count.set(count.add(step * bytes));
          signAt.set(signAt.add(step / 8));
          for (const at of [vectorAt, target, ...skipsAt]) at.set(at.add(4 * step));
        });
      });
    });
  },
);
