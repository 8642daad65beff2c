import { f32x4 } from '../../wasm/assembler.js';
import { flushedLanes } from '../flush.wasm.js';
import { ChannelKernel, ColumnSums } from '../rows.wasm.js';

const zero = f32x4.const(0);

export const preluKernel = new ChannelKernel('prelu', 1, 1, ([x], [slope]) => x.where(x.gt(zero), x.mul(slope)));

export const preluGradientKernel = new ChannelKernel('prelu_gradient', 2, 1, ([dy, x], [slope]) =>
  flushedLanes(dy.where(x.gt(zero), dy.mul(slope))),
);

/** Σ dy·x over the x that are not above 0, NaN included. */
export const preluSlopeSums = new ColumnSums('prelu_slope', 2, 0, 1, ([dy, x]) => [zero.where(x.gt(zero), dy.mul(x))]);
