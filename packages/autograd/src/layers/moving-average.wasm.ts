import { ElementwiseKernel, f32, f32x4, flushedLanes } from '@mobinet/tensor/kernels';

/** The formula is that of the definition, in moving-average.ts. */
export const movingAverageKernel = new ElementwiseKernel(
  'moving_average',
  2,
  ([average, value], { rate, scale }) =>
    flushedLanes(average.add(f32x4.splat(rate).mul(f32x4.splat(scale).mul(value).sub(average)))),
  { rate: f32, scale: f32 },
);
