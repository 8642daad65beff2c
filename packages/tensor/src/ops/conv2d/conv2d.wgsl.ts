import {
  type ElementType,
  groupsOf,
  linear,
  linearWorkgroup,
  Shader,
  shaderFamily,
} from '../../backends/webgpu/shader.js';
import type { BitTensor } from '../../bit-tensor.js';
import type { Handle } from '../../handle.js';
import type { Shape } from '../../shape.js';
import { sizeOf } from '../../shape.js';
import { emptyTensor, type Tensor } from '../../tensor.js';
import { GemmShader } from '../matmul/gemm.wgsl.js';
import { isPointwise } from '../window.js';
import { pixelReadBy, pixelUnderTap, windowArgumentsOnGpu, windowParametersOnGpu } from '../window.wgsl.js';
import type { Conv2dAttributes } from './conv2d-attributes.js';

// Convolutions of floats on a GPU, and the gradients of those of floats and of signs: where one operand is ±1, it is read as bits, which
// is 32 times less to read. Without groups they are matrix products whose elements are looked up where they lie (“implicit GEMM”);
// with groups, an invocation adds up one output, so that neighbours read neighbouring channels.

/** How the operand that may be signs lies in memory. */
type Operand = 'f32' | 'bits';

const bufferType = (operand: Operand): ElementType => (operand === 'f32' ? 'f32' : 'u32');
const operandOf = (tensor: Tensor | BitTensor): Operand => (tensor.dtype === 'bits' ? 'bits' : 'f32');

/** WGSL of a function for element `channel` of row `row` of a buffer [rows, channels]. */
function elementFunction(name: string, operand: Operand, buffer: string, channels: string): string {
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

const parameters = {
  ...windowParametersOnGpu,
  channels: 'u32',
  outChannels: 'u32',
  groupChannels: 'u32',
  groupFilters: 'u32',
} as const;

function argumentsOf(channels: number, filter: Shape, { window, groups }: Conv2dAttributes) {
  return {
    ...windowArgumentsOnGpu(window),
    ...{ channels, outChannels: filter[0], groupChannels: filter[3], groupFilters: filter[0] / groups },
  };
}

const productSize = (m: number, n: number, k: number) => ({ m, n, k });

/** `conv2d`. */
export function conv2dOnGpu(x: Tensor, weights: Tensor, y: Tensor, attributes: Conv2dAttributes): void {
  const [outChannels, ...perFilter] = weights.shape;
  const values = argumentsOf(x.shape[3], weights.shape, attributes);
  if (attributes.groups === 1) {
    convolveByGemm.run(productSize(y.size / outChannels, outChannels, sizeOf(perFilter)), { x, weights }, y, values);
  } else convolveGroups.run({ x, weights }, { y }, { ...values, count: y.size }, groupsOf(y.size));
}

const convolveByGemm = new GemmShader({
  name: 'f32_conv',
  reads: { x: 'f32', weights: 'f32' },
  result: 'f32',
  parameters,
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
  store: 'c[row * p.n + column] = value;',
});

const convolveGroups = new Shader('f32_conv_groups', {
  reads: { x: 'f32', weights: 'f32' },
  writes: { y: 'f32' },
  parameters: { ...parameters, count: 'u32' },
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

/** What becomes of a gradient before it is stored: WGSL in terms of `value`, `pixel` and `channel`, and of buffers of its own. */
export interface GpuEpilogue {
  /** Tells kernels with different epilogues apart. */
  readonly name: string;
  readonly reads: Readonly<Record<string, ElementType>>;
  readonly parameters: Readonly<Record<string, 'u32'>>;
  /** WGSL functions; the last is `fn finish(value: f32, pixel: u32, channel: u32) -> f32`. */
  readonly declarations: string;
}

/** Stores gradients as they are. */
const plainEpilogue: GpuEpilogue = {
  name: 'plain',
  reads: {},
  parameters: {},
  declarations: 'fn finish(value: f32, pixel: u32, channel: u32) -> f32 { return value; }',
};

/**
 * The gradient of a convolution by its images, for filters of floats or of signs.
 *
 * @param scale [outChannels] A factor of each filter's output, or null.
 * @param own Buffers and numbers of the epilogue.
 */
export function inputGradientOnGpu(
  dy: Tensor,
  weights: Tensor | BitTensor,
  scale: Tensor | null,
  dx: Tensor,
  attributes: Conv2dAttributes,
  epilogue: GpuEpilogue = plainEpilogue,
  own: { readonly reads: Readonly<Record<string, Handle>>; readonly parameters: Readonly<Record<string, number>> } = {
    reads: {},
    parameters: {},
  },
): void {
  const channels = dx.shape[3];
  const [outChannels, kernelHeight, kernelWidth] = weights.shape;
  const values = { ...argumentsOf(channels, weights.shape, attributes), ...own.parameters };
  const reads = { dy, weights, ...(scale && { scale }), ...own.reads };
  const kind = [operandOf(weights), scale !== null, epilogue.name] as const;
  epilogues.set(epilogue.name, epilogue);
  if (attributes.groups === 1) {
    const size = productSize(dx.size / channels, channels, outChannels * kernelHeight * kernelWidth);
    inputGradientByGemm(...kind, isPointwise(attributes.window)).run(size, reads, dx, values);
  } else {
    const atOnce = channelsAtOnce(weights.shape[3]);
    const count = dx.size / atOnce;
    inputGradientOfGroups(...kind, atOnce).run(reads, { dx }, { ...values, count }, groupsOf(count));
  }
}

/** By name, for the families below. */
const epilogues = new Map<string, GpuEpilogue>();

/** Channels of a group that an invocation sees to: a power of two, so that their bits lie in one word. */
function channelsAtOnce(groupChannels: number): number {
  return [8, 4, 2].find((count) => groupChannels % count === 0) ?? 1;
}

const inputGradientByGemm = shaderFamily((operand: Operand, hasScale: boolean, name: string, pointwise: boolean) => {
  const { reads, parameters: own, declarations } = epilogues.get(name)!;
  return new GemmShader({
    name: `${operand}_conv${pointwise ? '_1x1' : ''}_input_gradient_${name}`,
    reads: { dy: 'f32', weights: bufferType(operand), ...(hasScale && { scale: 'f32' }), ...reads } as Record<
      string,
      ElementType
    >,
    result: 'f32',
    parameters: { ...parameters, ...own } as Record<string, 'u32' | 'i32'>,
    element: 'f32',
    declarations: `${pixelReadBy}
${elementFunction('weight', operand, 'weights', 'p.channels')}
${declarations}
fn arriving(pixel: u32, step: u32) -> f32 {
  let at = pixelReading(pixel, step / p.outChannels);
  if (at < 0) { return 0.0; }
  let o = step % p.outChannels;
  return dy[u32(at) * p.outChannels + o]${hasScale ? ' * scale[o]' : ''};
}`,
    // Nothing to look up where a pixel reads itself alone.
    a: pointwise ? `dy[row * p.k + step]${hasScale ? ' * scale[step]' : ''}` : 'arriving(row, step)',
    // Rows of filters are taps.
    b: pointwise
      ? 'weight(step, column)'
      : 'weight((step % p.outChannels) * p.kernelHeight * p.kernelWidth + step / p.outChannels, column)',
    aAlongSteps: true,
    bAlongSteps: false,
    store: 'c[row * p.n + column] = finish(value, row, column);',
  });
});

/** WGSL of `let ${name}0 …`: elements of a row beside each other, `atOnce` of them from `first` on, which is a multiple of it. */
function readElements(
  name: string,
  operand: Operand,
  buffer: string,
  row: string,
  first: string,
  length: string,
  atOnce: number,
): string {
  const lanes = Array.from({ length: atOnce }, (_, lane) => lane);
  if (operand === 'f32')
    return lanes.map((k) => `let ${name}${k} = ${buffer}[(${row}) * ${length} + ${first} + ${k}u];`).join(' ');
  return `let ${name} = ${buffer}[(${row}) * ((${length} + 31u) / 32u) + ${first} / 32u] >> (${first} % 32u);`;
}

/** WGSL of a product with element `k` of those: a sign flips the number's own. */
function timesElement(name: string, operand: Operand, value: string, k: number): string {
  if (operand === 'f32') return `${value} * ${name}${k}`;
  return `bitcast<f32>(bitcast<u32>(${value}) ^ ((${name} << ${31 - k}u) & 0x80000000u))`;
}

/** An invocation sees to a few channels of a pixel, so that a gradient that arrives is read once for all of them. */
const inputGradientOfGroups = shaderFamily((operand: Operand, hasScale: boolean, name: string, atOnce: number) => {
  const { reads, parameters: own, declarations } = epilogues.get(name)!;
  const lanes = Array.from({ length: atOnce }, (_, lane) => lane);
  return new Shader(`${operand}_conv_groups_input_gradient_${name}_${atOnce}`, {
    reads: { dy: 'f32', weights: bufferType(operand), ...(hasScale && { scale: 'f32' }), ...reads } as Record<
      string,
      ElementType
    >,
    writes: { dx: 'f32' },
    parameters: { ...parameters, ...own, count: 'u32' } as Record<string, 'u32' | 'i32'>,
    workgroup: linearWorkgroup,
    declarations: `${pixelReadBy}
${declarations}`,
    main: `
  ${linear('p.count')}
  let blocks = p.channels / ${atOnce}u;
  let channel = (i % blocks) * ${atOnce}u;
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
      ${readElements('weight', operand, 'weights', 'o * taps + tap', 'firstInGroup', 'p.groupChannels', atOnce)}
      ${lanes.map((k) => `sum${k} += ${timesElement('weight', operand, 'gradient', k)};`).join('\n      ')}
    }
  }
  ${lanes.map((k) => `dx[pixel * p.channels + channel + ${k}u] = finish(sum${k}, pixel, channel + ${k}u);`).join('\n  ')}`,
  });
});

/**
 * The gradient of a convolution by its filters, for images of floats or of signs.
 *
 * @param border What surrounds the images.
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
  const values = { ...argumentsOf(x.shape[3], df.shape, attributes), border };
  const operand = operandOf(x);
  if (attributes.groups === 1) {
    const [m, n] = [outChannels, sizeOf(perFilter)];
    const splits = splitsOf(pixels, Math.ceil(m / 64) * Math.ceil(n / 64));
    inParts(df, splits, (parts) =>
      filterGradientByGemm(operand, isPointwise(attributes.window)).run(
        productSize(m, n, pixels),
        { dy, x },
        parts,
        values,
        { splits },
      ),
    );
    return;
  }
  const [kernelHeight, kernelWidth, groupChannels] = perFilter;
  const atOnce = channelsAtOnce(groupChannels);
  const blocks = groupChannels / atOnce;
  const taps = kernelHeight * kernelWidth;
  const tapsAtOnce = Math.min(taps, mostTaps);
  const tapBlocks = Math.ceil(taps / tapsAtOnce);
  const filterGroups = Math.ceil(outChannels / linearWorkgroup[0]);
  const splits = splitsOf(pixels, filterGroups * tapBlocks * blocks);
  inParts(df, splits, (parts) =>
    filterGradientOfGroups(operand, atOnce, tapsAtOnce).run(
      { dy, x },
      { parts },
      { ...values, pixels, blocks, pixelsOfPart: Math.ceil(pixels / splits), size: df.size },
      [filterGroups, tapBlocks * blocks, splits],
    ),
  );
}

/** Workgroups that keep a large GPU busy. */
const manyWorkgroups = 1024;

/** Into how many parts a sum over `terms` is cut, if `workgroups` make one part. */
function splitsOf(terms: number, workgroups: number): number {
  return Math.max(1, Math.min(Math.ceil(manyWorkgroups / workgroups), Math.ceil(terms / 256)));
}

/** Has parts of a result made, [splits, ...], and adds them up. */
function inParts(result: Tensor, splits: number, make: (parts: Tensor) => void): void {
  if (splits === 1) {
    make(result);
    return;
  }
  const parts = emptyTensor('f32', [splits, ...result.shape], 'parts of a gradient', 'webgpu');
  make(parts);
  addParts.run({ parts }, { result }, { size: result.size, splits }, groupsOf(result.size));
  parts.dispose();
}

const addParts = new Shader('f32_add_parts', {
  reads: { parts: 'f32' },
  writes: { result: 'f32' },
  parameters: { size: 'u32', splits: 'u32' },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.size')}
  var sum = 0.0;
  for (var split = 0u; split < p.splits; split++) { sum += parts[split * p.size + i]; }
  result[i] = sum;`,
});

const filterGradientByGemm = shaderFamily(
  (operand: Operand, pointwise: boolean) =>
    new GemmShader({
      name: `${operand}_conv${pointwise ? '_1x1' : ''}_filter_gradient`,
      reads: { dy: 'f32', x: bufferType(operand) },
      result: 'f32',
      parameters: { ...parameters, border: 'f32' },
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
      store: 'c[(split * p.m + row) * p.n + column] = value;',
    }),
);

/**
 * Taps that an invocation sees to, so that a gradient is read once for all of them. With all nine of a usual filter, and 72 sums, some
 * compilers take minutes.
 */
const mostTaps = 3;

/** Invocations beside each other have filters beside each other, each for a few taps and channels. */
const filterGradientOfGroups = shaderFamily((operand: Operand, atOnce: number, tapsAtOnce: number) => {
  const lanes = Array.from({ length: atOnce }, (_, lane) => lane);
  const taps = Array.from({ length: tapsAtOnce }, (_, tap) => tap);
  const perTap = (line: (tap: number) => string, separator = '\n    '): string => taps.map(line).join(separator);
  const perLane = (line: (k: number) => string): string => lanes.map(line).join(' ');
  return new Shader(`${operand}_conv_groups_filter_gradient_${tapsAtOnce}x${atOnce}`, {
    reads: { dy: 'f32', x: bufferType(operand) },
    writes: { parts: 'f32' },
    parameters: { ...parameters, border: 'f32', pixels: 'u32', blocks: 'u32', pixelsOfPart: 'u32', size: 'u32' },
    workgroup: linearWorkgroup,
    declarations: pixelUnderTap,
    main: `
  let o = id.x;
  if (o >= p.outChannels) { return; }
  let taps = p.kernelHeight * p.kernelWidth;
  let firstTap = (group.y / p.blocks) * ${tapsAtOnce}u;
  let firstInGroup = (group.y % p.blocks) * ${atOnce}u;
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
        ${readElements('image', operand, 'x', 'u32(at)', 'first', 'p.channels', atOnce)}
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
