import { memoize, memoizeByIdentity } from '../../backends/memoize.js';
import type { ElementType } from '../../backends/webgpu/elements.js';
import { groupsOf, linear, linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import type { Handle } from '../../handle.js';
import { GemmShader } from '../matmul/gemm.wgsl.js';
import { isPointwise } from '../window.js';
import { pixelReadBy } from '../window.wgsl.js';
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
import type { InputGradientTensors } from './input-gradient-tensors.js';

/**
 * WGSL that is applied to a gradient before it is stored, with buffers and parameters of its own.
 *
 * Shaders are compiled once per epilogue object, so an epilogue should be made once and reused.
 */
export interface GpuEpilogue {
  /** Becomes part of the names of shaders, for profiles and error messages. */
  readonly name: string;
  /** The element types of the buffers that it reads, by name. */
  readonly reads: Readonly<Record<string, ElementType>>;
  /** The types of its numbers, by name: `p.name` in the code. */
  readonly parameters: Readonly<Record<string, 'u32'>>;
  /** WGSL functions, among them `fn finish(value: f32, pixel: u32, channel: u32) -> f32`. */
  readonly declarations: string;
}

/** An epilogue with the buffers and numbers that it reads. */
export interface GpuEpilogueCall {
  /** What to apply. */
  readonly epilogue: GpuEpilogue;
  /** The tensors that it reads, by name. */
  readonly reads: Readonly<Record<string, Handle>>;
  /** The values of its numbers, by name. */
  readonly parameters: Readonly<Record<string, number>>;
}

/** Stores gradients unchanged. */
const noEpilogue: GpuEpilogueCall = {
  epilogue: {
    name: 'plain',
    reads: {},
    parameters: {},
    declarations: 'fn finish(value: f32, pixel: u32, channel: u32) -> f32 { return value; }',
  },
  reads: {},
  parameters: {},
};

/**
 * The gradient of a convolution with respect to its images, for filters of floats or of signs.
 *
 * @param tensors The gradient of the output, the filter and the result, as for `conv2dInputGradient`.
 * @param attributes The window and the groups of the convolution.
 * @param call What to apply to the gradients before they are stored. Default: nothing.
 * @throws BackendError if a tensor is not on the GPU.
 */
export function inputGradientOnGpu(
  { dy, filter, scale, dx }: InputGradientTensors,
  attributes: Conv2dAttributes,
  { epilogue, ...own }: GpuEpilogueCall = noEpilogue,
): void {
  const channels = dx.shape[3];
  const [outChannels, kernelHeight, kernelWidth, groupChannels] = filter.shape;
  const values = { ...convolutionArguments(channels, filter.shape, attributes), ...own.parameters };
  const reads = { dy, weights: filter, ...(scale && { scale }), ...own.reads };
  const operand = operandOf(filter);
  const hasScale = scale !== null;
  if (attributes.groups === 1) {
    const size = { m: dx.size / channels, n: channels, k: outChannels * kernelHeight * kernelWidth };
    const shader = inputGradientByGemm(epilogue)(operand, hasScale, isPointwise(attributes.window));
    shader.run(size, reads, dx, values);
  } else {
    const channelCount = channelsPerInvocation(groupChannels);
    const count = dx.size / channelCount;
    const shader = inputGradientOfGroups(epilogue)(operand, hasScale, channelCount);
    shader.run(reads, { dx }, { ...values, count }, groupsOf(count));
  }
}

/** Without groups, the gradient is a matrix product whose elements are looked up in place (“implicit GEMM”). */
const inputGradientByGemm = memoizeByIdentity((epilogue: GpuEpilogue) =>
  memoize(
    (operand: Operand, hasScale: boolean, pointwise: boolean) =>
      new GemmShader({
        name: `${operand}_conv${pointwise ? '_1x1' : ''}_input_gradient_${epilogue.name}`,
        reads: readsOf(operand, hasScale, epilogue),
        result: 'f32',
        parameters: { ...convolutionParameters, ...epilogue.parameters } as Record<string, 'u32' | 'i32'>,
        element: 'f32',
        declarations: `${pixelReadBy}
${elementFunction('weight', operand, 'weights', 'p.channels')}
${epilogue.declarations}
fn arriving(pixel: u32, step: u32) -> f32 {
  let at = pixelReading(pixel, step / p.outChannels);
  if (at < 0) { return 0.0; }
  let o = step % p.outChannels;
  return dy[u32(at) * p.outChannels + o]${hasScale ? ' * scale[o]' : ''};
}`,
        // A pointwise convolution reads each pixel once, so there is no tap to look up.
        a: pointwise ? `dy[row * p.k + step]${hasScale ? ' * scale[step]' : ''}` : 'arriving(row, step)',
        // The rows of a filter are its taps.
        b: pointwise
          ? 'weight(step, column)'
          : 'weight((step % p.outChannels) * p.kernelHeight * p.kernelWidth + step / p.outChannels, column)',
        aAlongSteps: true,
        bAlongSteps: false,
        stored: 'finish(value, row, column)',
      }),
  ),
);

/** An invocation computes a few channels of a pixel, so that each arriving gradient is read once for all of them. */
const inputGradientOfGroups = memoizeByIdentity((epilogue: GpuEpilogue) =>
  memoize((operand: Operand, hasScale: boolean, channelCount: number) => {
    const lanes = Array.from({ length: channelCount }, (_, lane) => lane);
    const elements = {
      buffer: 'weights',
      row: 'o * taps + tap',
      first: 'firstInGroup',
      length: 'p.groupChannels',
      count: channelCount,
    };
    return new Shader(`${operand}_conv_groups_input_gradient_${epilogue.name}_${channelCount}`, {
      reads: readsOf(operand, hasScale, epilogue),
      writes: { dx: 'f32' },
      parameters: { ...convolutionParameters, ...epilogue.parameters, count: 'u32' } as Record<string, 'u32' | 'i32'>,
      workgroup: linearWorkgroup,
      declarations: `${pixelReadBy}
${epilogue.declarations}`,
      main: `
  ${linear('p.count')}
  let blocks = p.channels / ${channelCount}u;
  let channel = (i % blocks) * ${channelCount}u;
  let pixel = i / blocks;
  let firstFilter = (channel / p.groupChannels) * p.groupFilters;
  let firstInGroup = channel % p.groupChannels;
  let taps = p.kernelHeight * p.kernelWidth;
  ${lanes.map((k) => `var sum${k} = 0.0;`).join(' ')}
  for (var tap = 0u; tap < taps; tap++) {
    let at = pixelReading(pixel, tap);
    if (at < 0) { continue; }
    for (var o = firstFilter; o < firstFilter + p.groupFilters; o++) {
      let gradient = dy[u32(at) * p.outChannels + o]${hasScale ? ' * scale[o]' : ''};
      ${readElements('weight', operand, elements)}
      ${lanes.map((k) => `sum${k} += ${timesElement('weight', operand, 'gradient', k)};`).join('\n      ')}
    }
  }
  ${lanes.map((k) => `dx[pixel * p.channels + channel + ${k}u] = finish(sum${k}, pixel, channel + ${k}u);`).join('\n  ')}`,
    });
  }),
);

function readsOf(operand: Operand, hasScale: boolean, { reads }: GpuEpilogue): Record<string, ElementType> {
  const scale: Record<string, ElementType> = hasScale ? { scale: 'f32' } : {};
  return { dy: 'f32', weights: bufferType(operand), ...scale, ...reads };
}
