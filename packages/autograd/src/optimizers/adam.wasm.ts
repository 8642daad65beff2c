import { f32, f32x4, flushedLanes, flushLimit, smallestGradient } from '@mobinet/tensor/kernels';
import { UpdateKernel } from './update.wasm.js';

/** The square of a smaller gradient would be flushed to 0. As it might be denormal, it is not taken at all. */
export const smallestSquared = Math.sqrt(smallestGradient);

/** One step of Adam: adam.ts has the formula. */
export const adamKernel = new UpdateKernel(
  'adam',
  4,
  ({ rate, beta1, rest1, beta2, rest2, meanCorrection, squareCorrection, epsilon }) => {
    const [tiny, tinySquared] = [flushLimit(), flushLimit(smallestSquared)];
    return ([w, g, m, v], decay) => {
      const gradient = f32x4.variable(flushedLanes(g.add(decay.gradient.mul(w)), tiny), 'gradient');
      const mean = f32x4.variable(flushedLanes(beta1.mul(m).add(rest1.mul(gradient)), tiny), 'mean');
      const squared = f32x4.variable(flushedLanes(gradient, tinySquared), 'squared');
      const square = f32x4.variable(flushedLanes(beta2.mul(v).add(rest2.mul(squared).mul(squared)), tiny), 'square');
      const deviation = square.mul(squareCorrection).sqrt().add(epsilon);
      const adaptive = mean.mul(meanCorrection).div(deviation);
      return [w.sub(adaptive.add(decay.weight.mul(w)).mul(rate)), mean, square];
    };
  },
  {
    ...{ rate: f32, beta1: f32, beta2: f32, epsilon: f32 },
    /** 1 − β: of a β near 1, f32 would not leave enough. */
    ...{ rest1: f32, rest2: f32 },
    /** 1/(1 − βᵗ), for the two moments. */
    ...{ meanCorrection: f32, squareCorrection: f32 },
  },
);
