import type { Module } from '@mobinet/autograd';
import { type Shape, sizeOf, withoutMemory } from '@mobinet/tensor';
import { type Layer, layersOf, multiplyAddsOf, type Program } from '@mobinet/tensor/kernels';
import { withNetworkProgram } from '../export/network-program.js';
import { type ExportOptions, packedBytes } from '../export/pack.js';
import type { PackedInfo } from '../export/packed-info.js';
import { countFlops, type MultiplyAdds } from './flops.js';
import { kindOf } from './kind.js';

/** A convolution or a matrix product, and what is done to its result. */
export interface LayerSummary extends MultiplyAdds {
  readonly name: string;
  readonly kind: string;
  /** Without the batch: [height, width, channels], or [features]. */
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly binaryParameters: number;
  readonly floatParameters: number;
  /** Bytes of its tensors in the packed file; null of a network that has no place in one. */
  readonly savedBytes: number | null;
}

export interface NetworkSummary extends MultiplyAdds {
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly binaryParameters: number;
  readonly floatParameters: number;
  /** The paper's measure; see `countFlops`. */
  readonly flops: number;
  /** Size of the packed file, header included; null of a network that has no place in one. */
  readonly savedBytes: number | null;
}

/**
 * What a network of images is made of in evaluation and what it costs, layer by layer. Its parameters are the numbers that it then calculates
 * with: signs of weights, and of each channel what α, batch normalisation and activation come to. Nothing is calculated, so a
 * network without memory will do:
 *
 * ```ts
 * const { flops } = withoutMemory(() => summary(createMoBiNet({ width: 2 })));
 * ```
 *
 * @param network Trained here, or of a packed file. @param options As those of `packModel`, for the size of its file.
 */
export function summary(network: Module, { imageShape, ...info }: ExportOptions = {}): NetworkSummary {
  return withoutMemory(() =>
    withNetworkProgram('summary', network, { imageShape }, (program) => summarize(program, info)),
  );
}

function summarize(program: Program, info: PackedInfo): NetworkSummary {
  const file = fileOf(program, info);
  const counted = new Set<number>();
  const layers = layersOf(program).map((layer) => summarizeLayer(program, layer, file, counted));
  const total = (key: 'binaryParameters' | 'floatParameters' | 'binaryMultiplyAdds' | 'floatMultiplyAdds'): number =>
    layers.reduce((sum, layer) => sum + layer[key], 0);
  const [binaryParameters, floatParameters] = [total('binaryParameters'), total('floatParameters')];
  return {
    layers,
    parameters: binaryParameters + floatParameters,
    binaryParameters,
    floatParameters,
    binaryMultiplyAdds: total('binaryMultiplyAdds'),
    floatMultiplyAdds: total('floatMultiplyAdds'),
    flops: countFlops(layers),
    savedBytes: file?.total ?? null,
  };
}

type PackedBytes = ReturnType<typeof packedBytes>;

/** Null where the network does something that has no place in a file. */
function fileOf(program: Program, info: PackedInfo): PackedBytes | null {
  try {
    return packedBytes(program, info);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** @param counted Constants of layers before, which are not counted again. */
function summarizeLayer(
  program: Program,
  { name, from, to }: Layer,
  file: PackedBytes | null,
  counted: Set<number>,
): LayerSummary {
  const { values, constants } = program;
  const calls = program.calls.slice(from, to);
  const work = calls.map((call) => multiplyAddsOf(program, call));
  const main = calls[work.findIndex((multiplyAdds) => multiplyAdds > 0)] ?? calls[0];
  const own = calls.flatMap(({ inputs }) => inputs.filter((at) => constants.has(at) && !counted.has(at)));
  for (const at of own) counted.add(at);
  const isBits = (at: number): boolean => values[at].dtype === 'bits';
  const sizes = (binary: boolean): number =>
    own.filter((at) => isBits(at) === binary).reduce((sum, at) => sum + sizeOf(values[at].shape), 0);
  const multiplyAdds = (binary: boolean): number =>
    calls.reduce((sum, { inputs }, at) => sum + (isBits(inputs[0]) === binary ? work[at] : 0), 0);
  return {
    name,
    kind: kindOf(program, main),
    inputShape: values[main.inputs[0]].shape.slice(1),
    outputShape: values[calls[calls.length - 1].outputs[0]].shape.slice(1),
    binaryParameters: sizes(true),
    floatParameters: sizes(false),
    binaryMultiplyAdds: multiplyAdds(true),
    floatMultiplyAdds: multiplyAdds(false),
    savedBytes: file && own.reduce((sum, at) => sum + (file.ofConstants.get(at) ?? 0), 0),
  };
}
