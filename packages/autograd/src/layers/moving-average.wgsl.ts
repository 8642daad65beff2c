import { flushedWgsl, MapShader } from '@mobinet/tensor/kernels';

/** `MapShader` copies the average before it is overwritten. That costs little: there is one number per channel. */
export const movingAverageShader = new MapShader('moving_average', flushedWgsl('(a + p.rate * (p.scale * b - a))'), {
  rate: 'f32',
  scale: 'f32',
});
