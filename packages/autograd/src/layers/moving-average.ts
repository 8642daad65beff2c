import { applyInto, type Tensor } from '@mobinet/tensor/functions';
import { elementwiseOp, flushed, flushedLanes } from '@mobinet/tensor/kernels';

/**
 * average += rate · (scale · value − average), in place. The variance of a dead channel decays towards 0, so tiny
 * averages are flushed to 0.
 */
export function moveTowards(average: Tensor, value: Tensor, rate: number, scale: number): void {
  applyInto(movingAverageOp, [average, value], [average], { rate, scale });
}

const movingAverageOp = elementwiseOp({
  name: 'movingAverage',
  operands: ['average', 'value'],
  numbers: ['rate', 'scale'],
  scalar: (average, value, { rate, scale }) => flushed(average + rate * (scale * value - average)),
  lanes: (average, value, { rate, scale }) => flushedLanes(average.add(rate.mul(scale.mul(value).sub(average)))),
  wgsl: 'flushed(average + p.rate * (p.scale * value - average))',
});
