import { groupsOf, linear, linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import { sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { GemmShader } from '../matmul/gemm.wgsl.js';
import { pixelUnderTap } from '../window.wgsl.js';
import type { Conv2dAttributes } from './conv2d-attributes.js';
import { convolutionArguments, convolutionParameters } from './conv2d-operands.wgsl.js';

/**
 * `conv2d`. Without groups it is a matrix product whose elements are looked up in place (“implicit GEMM”). With groups,
 * each invocation computes one output, so that neighbors read neighboring channels.
 */
export function conv2dOnGpu(x: Tensor, weights: Tensor, y: Tensor, attributes: Conv2dAttributes): void {
  const [outChannels, ...perFilter] = weights.shape;
  const values = convolutionArguments(x.shape[3], weights.shape, attributes);
  if (attributes.groups === 1) {
    const size = { m: y.size / outChannels, n: outChannels, k: sizeOf(perFilter) };
    convolveByGemm.run(size, { x, weights }, y, values);
  } else convolveGroups.run({ x, weights }, { y }, { ...values, count: y.size }, groupsOf(y.size));
}

const convolveByGemm = new GemmShader({
  name: 'f32_conv',
  reads: { x: 'f32', weights: 'f32' },
  result: 'f32',
  parameters: convolutionParameters,
  element: 'f32',
  declarations: `${pixelUnderTap}
fn tapped(pixel: u32, step: u32) -> f32 {
  let at = pixelUnder(pixel, step / p.channels);
  if (at < 0) { return 0.0; }
  return x[u32(at) * p.channels + step % p.channels];
}`,
  a: 'tapped(row, step)',
  b: 'weights[column * p.k + step]',
  aAlongSteps: true,
  bAlongSteps: true,
});

const convolveGroups = new Shader('f32_conv_groups', {
  reads: { x: 'f32', weights: 'f32' },
  writes: { y: 'f32' },
  parameters: { ...convolutionParameters, count: 'u32' },
  workgroup: linearWorkgroup,
  declarations: pixelUnderTap,
  main: `
  ${linear('p.count')}
  let o = i % p.outChannels;
  let pixel = i / p.outChannels;
  let first = (o / p.groupFilters) * p.groupChannels;
  let taps = p.kernelHeight * p.kernelWidth;
  var sum = 0.0;
  for (var tap = 0u; tap < taps; tap++) {
    let at = pixelUnder(pixel, tap);
    if (at < 0) { continue; }
    for (var channel = 0u; channel < p.groupChannels; channel++) {
      sum += x[u32(at) * p.channels + first + channel] * weights[(o * taps + tap) * p.groupChannels + channel];
    }
  }
  y[i] = sum;`,
});
