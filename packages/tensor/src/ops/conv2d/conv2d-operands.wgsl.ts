import type { ElementType } from '../../backends/webgpu/elements.js';
import type { BitTensor } from '../../bit-tensor.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { windowArgumentsOnGpu, windowParametersOnGpu } from '../window.wgsl.js';
import type { Conv2dAttributes } from './conv2d-attributes.js';

// Shared by the shaders of convolutions and their gradients. In the gradients, one operand may be a tensor of signs. It
// is read as bits, which is 32 times less memory traffic than ±1 in floats.

/** How an operand that may be a tensor of signs lies in memory. */
export type Operand = 'f32' | 'bits';

export const bufferType = (operand: Operand): ElementType => (operand === 'f32' ? 'f32' : 'u32');
export const operandOf = (tensor: Tensor | BitTensor): Operand => (tensor.dtype === 'bits' ? 'bits' : 'f32');

/** Parameters of a shader that describe a convolution. */
export const convolutionParameters = {
  ...windowParametersOnGpu,
  channels: 'u32',
  outChannels: 'u32',
  groupChannels: 'u32',
  groupFilters: 'u32',
} as const;

/** The values of `convolutionParameters` for images of `channels` channels. */
export function convolutionArguments(channels: number, filter: Shape, { window, groups }: Conv2dAttributes) {
  const [outChannels, , , groupChannels] = filter;
  return { ...windowArgumentsOnGpu(window), channels, outChannels, groupChannels, groupFilters: outChannels / groups };
}

/** Channels of a group that one invocation computes. A power of two, so that their bits lie in one word. */
export function channelsPerInvocation(groupChannels: number): number {
  return [8, 4, 2].find((count) => groupChannels % count === 0) ?? 1;
}

/** WGSL of a function `name` that returns element `channel` of row `row` of a buffer [rows, channels]. */
export function elementFunction(name: string, operand: Operand, buffer: string, channels: string): string {
  const body =
    operand === 'f32'
      ? `return ${buffer}[row * ${channels} + channel];`
      : `let word = ${buffer}[row * ((${channels} + 31u) / 32u) + channel / 32u];
  return 1.0 - 2.0 * f32((word >> (channel % 32u)) & 1u);`;
  return `
fn ${name}(row: u32, channel: u32) -> f32 {
  ${body}
}`;
}

/** A run of neighboring elements in a row of a buffer, in WGSL expressions. */
interface Run {
  readonly buffer: string;
  readonly row: string;
  /** Index of the first element, a multiple of `count`. */
  readonly first: string;
  /** Length of a row. */
  readonly length: string;
  readonly count: number;
}

/** WGSL that reads a run of elements into variables `name`… for `timesElement`. */
export function readElements(name: string, operand: Operand, { buffer, row, first, length, count }: Run): string {
  if (operand === 'bits') {
    return `let ${name} = ${buffer}[(${row}) * ((${length} + 31u) / 32u) + ${first} / 32u] >> (${first} % 32u);`;
  }
  return Array.from(
    { length: count },
    (_, k) => `let ${name}${k} = ${buffer}[(${row}) * ${length} + ${first} + ${k}u];`,
  ).join(' ');
}

/**
 * WGSL of the product of `value` and element k of those that were read. A bit is xored into the sign bit of the number.
 */
export function timesElement(name: string, operand: Operand, value: string, k: number): string {
  if (operand === 'f32') return `${value} * ${name}${k}`;
  return `bitcast<f32>(bitcast<u32>(${value}) ^ ((${name} << ${31 - k}u) & 0x80000000u))`;
}
