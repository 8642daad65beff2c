import { memoize } from '../../backends/memoize.js';
import { linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import type { BitTensor } from '../../bit-tensor.js';
import { sizeOf } from '../../shape.js';
import { emptyTensor, type Tensor } from '../../tensor.js';
import { GemmShader } from '../matmul/gemm.wgsl.js';
import { sumOnGpu } from '../reduce/sum.wgsl.js';
import { isPointwise } from '../window.js';
import { pixelUnderTap } from '../window.wgsl.js';
import type { Conv2dAttributes } from './conv2d-attributes.js';
import {
  bufferType,
  channelsPerInvocation,
  convolutionArguments,
  convolutionParameters,
  elementFunction,
  type Operand,
  operandOf,
  readElements,
  timesElement,
} from './conv2d-operands.wgsl.js';

/**
 * The gradient of a convolution with respect to its filters, for images of floats or of signs.
 *
 * @param border The value of the padding around the images.
 */
export function filterGradientOnGpu(
  dy: Tensor,
  x: Tensor | BitTensor,
  df: Tensor,
  attributes: Conv2dAttributes,
  border: 0 | 1 = 0,
): void {
  const [outChannels, ...perFilter] = df.shape;
  const pixels = dy.size / outChannels;
  const values = { ...convolutionArguments(x.shape[3], df.shape, attributes), border };
  const operand = operandOf(x);
  if (attributes.groups === 1) {
    const [m, n] = [outChannels, sizeOf(perFilter)];
    const splits = splitsOf(pixels, Math.ceil(m / 64) * Math.ceil(n / 64));
    const shader = filterGradientByGemm(operand, isPointwise(attributes.window));
    sumOfParts(df, splits, (parts) => shader.run({ m, n, k: pixels }, { dy, x }, parts, values, { splits }));
    return;
  }
  const [kernelHeight, kernelWidth, groupChannels] = perFilter;
  const channelCount = channelsPerInvocation(groupChannels);
  const blocks = groupChannels / channelCount;
  const taps = kernelHeight * kernelWidth;
  const tapCount = Math.min(taps, maxTaps);
  const tapBlocks = Math.ceil(taps / tapCount);
  const filterGroups = Math.ceil(outChannels / linearWorkgroup[0]);
  const splits = splitsOf(pixels, filterGroups * tapBlocks * blocks);
  sumOfParts(df, splits, (parts) =>
    filterGradientOfGroups(operand, channelCount, tapCount).run(
      { dy, x },
      { parts },
      { ...values, pixels, blocks, pixelsOfPart: Math.ceil(pixels / splits), size: df.size },
      [filterGroups, tapBlocks * blocks, splits],
    ),
  );
}

/** Enough workgroups to keep a large GPU busy. */
const targetWorkgroups = 1024;

/** The number of parts that a sum over `terms` is split into, if a single part takes `workgroups` workgroups. */
function splitsOf(terms: number, workgroups: number): number {
  return Math.max(1, Math.min(Math.ceil(targetWorkgroups / workgroups), Math.ceil(terms / 256)));
}

/** Lets `compute` write partial results [splits, ...] and adds them up in `result`. */
function sumOfParts(result: Tensor, splits: number, compute: (parts: Tensor) => void): void {
  if (splits === 1) {
    compute(result);
    return;
  }
  const parts = emptyTensor('f32', [splits, ...result.shape], 'parts of a gradient', 'webgpu');
  compute(parts);
  sumOnGpu(parts, [1, ...result.shape], result);
  parts.dispose();
}

/** Without groups, the gradient is a matrix product whose elements are looked up in place (“implicit GEMM”). */
const filterGradientByGemm = memoize(
  (operand: Operand, pointwise: boolean) =>
    new GemmShader({
      name: `${operand}_conv${pointwise ? '_1x1' : ''}_filter_gradient`,
      reads: { dy: 'f32', x: bufferType(operand) },
      result: 'f32',
      parameters: { ...convolutionParameters, border: 'f32' },
      element: 'f32',
      declarations: `${pixelUnderTap}
${elementFunction('image', operand, 'x', 'p.channels')}
fn tapped(pixel: u32, column: u32) -> f32 {
  let at = pixelUnder(pixel, column / p.channels);
  if (at < 0) { return p.border; }
  return image(u32(at), column % p.channels);
}`,
      a: 'dy[step * p.outChannels + row]',
      b: pointwise ? 'image(step, column)' : 'tapped(step, column)',
      aAlongSteps: false,
      bAlongSteps: false,
      matrix: 'split',
    }),
);

/**
 * Maximum number of taps per invocation, all of which share one read of a gradient. With all nine taps of a usual
 * filter, and so 72 sums, some compilers take minutes.
 */
const maxTaps = 3;

/** Neighboring invocations have neighboring filters, each for a few taps and channels. */
const filterGradientOfGroups = memoize((operand: Operand, channelCount: number, tapCount: number) => {
  const lanes = Array.from({ length: channelCount }, (_, lane) => lane);
  const taps = Array.from({ length: tapCount }, (_, tap) => tap);
  const perTap = (line: (tap: number) => string, separator = '\n    '): string => taps.map(line).join(separator);
  const perLane = (line: (k: number) => string): string => lanes.map(line).join(' ');
  const elements = { buffer: 'x', row: 'u32(at)', first: 'first', length: 'p.channels', count: channelCount };
  return new Shader(`${operand}_conv_groups_filter_gradient_${tapCount}x${channelCount}`, {
    reads: { dy: 'f32', x: bufferType(operand) },
    writes: { parts: 'f32' },
    parameters: {
      ...convolutionParameters,
      border: 'f32',
      pixels: 'u32',
      blocks: 'u32',
      pixelsOfPart: 'u32',
      size: 'u32',
    },
    workgroup: linearWorkgroup,
    declarations: pixelUnderTap,
    main: `
  let o = id.x;
  if (o >= p.outChannels) { return; }
  let taps = p.kernelHeight * p.kernelWidth;
  let firstTap = (group.y / p.blocks) * ${tapCount}u;
  let firstInGroup = (group.y % p.blocks) * ${channelCount}u;
  let first = (o / p.groupFilters) * p.groupChannels + firstInGroup;
  let end = min(p.pixels, (group.z + 1u) * p.pixelsOfPart);
  ${perTap((tap) => perLane((k) => `var sum${tap}_${k} = 0.0;`), '\n  ')}
  for (var pixel = group.z * p.pixelsOfPart; pixel < end; pixel++) {
    let gradient = dy[pixel * p.outChannels + o];
    ${perTap(
      (tap) => `{
      let at = pixelUnder(pixel, firstTap + ${tap}u);
      if (at < 0) {
        ${perLane((k) => `sum${tap}_${k} += gradient * p.border;`)}
      } else {
        ${readElements('image', operand, elements)}
        ${perLane((k) => `sum${tap}_${k} += ${timesElement('image', operand, 'gradient', k)};`)}
      }
    }`,
    )}
  }
  ${perTap(
    (tap) => `if (firstTap + ${tap}u < taps) {
    let base = group.z * p.size + (o * taps + firstTap + ${tap}u) * p.groupChannels + firstInGroup;
    ${perLane((k) => `parts[base + ${k}u] = sum${tap}_${k};`)}
  }`,
    '\n  ',
  )}`,
  });
});
