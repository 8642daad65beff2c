import { applyInto, defineOp, type Tensor } from '@mobinet/tensor';
import { flushed } from '@mobinet/tensor/kernels';
import { movingAverageKernel } from './moving-average.wasm.js';
import { movingAverageShader } from './moving-average.wgsl.js';

/**
 * average += rate · (scale · value − average), in place. The variance of a dead channel decays towards 0, so tiny
 * averages are flushed to 0.
 */
export function moveTowards(average: Tensor, value: Tensor, rate: number, scale: number): void {
  applyInto(movingAverageOp, [average, value], [average], { rate, scale });
}

const movingAverageOp = defineOp<[Tensor, Tensor], [Tensor], { rate: number; scale: number }>({
  name: 'movingAverage',
  outputs: ([average]) => [average],
  reference([{ values: average }, { values: value }], [{ values: result }], { rate, scale }) {
    for (let i = 0; i < result.length; i++) {
      result[i] = flushed(average[i] + rate * (scale * value[i] - average[i]));
    }
  },
  fast: (inputs, [result], attributes) => movingAverageKernel.run(inputs, result, attributes),
  webgpu: (inputs, [result], attributes) => movingAverageShader.run(inputs, result, attributes),
});
