import { f32, f32x4 } from '@mobinet/tensor/kernels';
import { flushed, UpdateKernel } from './update.wasm.js';

/** One step of Adam: adam.ts has the formula. */
export const adamKernel = new UpdateKernel(
  'adam',
  4,
  ([w, g, m, v], decay, { rate, beta1, rest1, beta2, rest2, meanCorrection, squareCorrection, epsilon, smallest }) => {
    const gradient = f32x4.variable(g.add(f32x4.splat(decay.gradient).mul(w)), 'gradient');
    const mean = f32x4.variable(f32x4.splat(beta1).mul(m).add(f32x4.splat(rest1).mul(gradient)), 'mean');
    const square = f32x4.variable(
      f32x4.splat(beta2).mul(v).add(f32x4.splat(rest2).mul(gradient).mul(gradient)),
      'square',
    );
    const deviation = square.mul(f32x4.splat(squareCorrection)).sqrt().add(f32x4.splat(epsilon));
    const adaptive = mean.mul(f32x4.splat(meanCorrection)).div(deviation);
    const step = adaptive.add(f32x4.splat(decay.weight).mul(w)).mul(f32x4.splat(rate));
    return [w.sub(step), flushed(mean, smallest), flushed(square, smallest)];
  },
  {
    ...{ rate: f32, beta1: f32, beta2: f32, epsilon: f32, smallest: f32 },
    /** 1 − β: of a β near 1, f32 would not leave enough. */
    ...{ rest1: f32, rest2: f32 },
    /** 1/(1 − βᵗ), for the two moments. */
    ...{ meanCorrection: f32, squareCorrection: f32 },
  },
);
