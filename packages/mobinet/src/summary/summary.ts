import type { Module } from '@mobinet/autograd';
import { type Shape, sizeOf, withoutMemory } from '@mobinet/tensor/functions';
import { type Call, type Layer, layersOf, multiplyAddsOf, type Program } from '@mobinet/tensor/kernels';
import { checkKinds } from '../data/arguments.js';
import { withNetworkProgram } from '../export/network-program.js';
import { type ExportOptions, exportKinds, type PackedBytes, packedBytes } from '../export/pack.js';
import type { PackedInfo } from '../export/packed-info.js';
import { countFlops, type MultiplyAdds } from './flops.js';
import { kindOf } from './kind.js';

/** A layer: a convolution or a matrix product, with the ops that follow it. */
export interface LayerSummary extends MultiplyAdds {
  /** Its name, that of its weights in the network, such as `units.3.depthwise`. */
  readonly name: string;
  /** What the layer is, in a few words: `binary conv 3×3, groups of 8`. */
  readonly kind: string;
  /** [height, width, channels] or [features], without the batch. */
  readonly inputShape: Shape;
  /** Like `inputShape`, of the first result that later layers read: before a pool that only a shortcut reads. */
  readonly outputShape: Shape;
  /** The number of weights of which only the signs are used. */
  readonly binaryParameters: number;
  /** The number of floats. */
  readonly floatParameters: number;
  /** Bytes of its tensors in the packed file; null for networks that cannot be packed. */
  readonly savedBytes: number | null;
}

/** A network's layers and their totals. */
export interface NetworkSummary extends MultiplyAdds {
  /** The layers in execution order. */
  readonly layers: readonly LayerSummary[];
  /** The number of all parameters. */
  readonly parameters: number;
  /** The number of weights of which only the signs are used. */
  readonly binaryParameters: number;
  /** The number of floats. */
  readonly floatParameters: number;
  /** FLOPs as the paper counts them; see `countFlops`. */
  readonly flops: number;
  /** Size of the packed file in bytes, header included; null for networks that cannot be packed. */
  readonly savedBytes: number | null;
}

/**
 * Counts the parameters, multiply-adds and bytes of a network of images in evaluation mode, layer by layer. The
 * parameters are the numbers that inference uses: the signs of weights, and for each channel the constants into which
 * α, batch normalization and activation fold. Nothing is computed, so the network may be made without memory.
 *
 * @param network A trained network or a packed model.
 * @param options As for `packModel`. Classes and preprocessing count towards the size of the file.
 * @throws TypeError, one line, if neither the options nor the network has the shape of an image.
 * @throws TraceError if `forward` cannot be traced (see `trace`).
 * @example
 * ```ts
 * import { withoutMemory } from '@mobinet/tensor';
 * import { createMoBiNet, summary } from 'mobinet';
 *
 * const { layers, binaryParameters, binaryMultiplyAdds } = withoutMemory(() => summary(createMoBiNet()));
 * console.log(`${layers.length} layers`);
 * console.log(`${(binaryParameters / 1e6).toFixed(1)} million binary parameters`);
 * console.log(`${(binaryMultiplyAdds / 1e6).toFixed(0)} million binary multiply-adds`);
 * // → 41 layers
 * // → 7.3 million binary parameters
 * // → 2353 million binary multiply-adds
 * ```
 */
export function summary(network: Module, options: ExportOptions = {}): NetworkSummary {
  checkKinds('summary', options, exportKinds);
  const { imageShape, ...info } = options;
  return withoutMemory(() =>
    withNetworkProgram('summary', network, { imageShape }, (program) => summarize(program, info)),
  );
}

function summarize(program: Program, info: PackedInfo): NetworkSummary {
  const file = packedBytesOf(program, info);
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

/** The sizes in the packed file; null for a network that packed files do not support. */
function packedBytesOf(program: Program, info: PackedInfo): PackedBytes | null {
  try {
    return packedBytes(program, info);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** @param counted Constants of earlier layers, which are not counted again. */
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
    outputShape: values[resultOf(program, to, main)].shape.slice(1),
    binaryParameters: sizes(true),
    floatParameters: sizes(false),
    binaryMultiplyAdds: multiplyAdds(true),
    floatMultiplyAdds: multiplyAdds(false),
    savedBytes: file && own.reduce((sum, at) => sum + (file.perConstant.get(at) ?? 0), 0),
  };
}

/**
 * The first value of a layer that depends on its main call and is read by later layers. What follows it may prepare the
 * input of another branch: the pool of a shortcut, or the signs of a block's input after its shortcut.
 */
function resultOf({ calls, outputs }: Program, to: number, main: Call): number {
  const readLater = new Set([...outputs, ...calls.slice(to).flatMap(({ inputs }) => inputs)]);
  const results = new Set(main.outputs);
  for (const call of calls.slice(calls.indexOf(main) + 1, to)) {
    if (call.inputs.some((at) => results.has(at))) for (const at of call.outputs) results.add(at);
  }
  // There is one, since a program has no calls whose results are not read.
  return [...results].find((at) => readLater.has(at))!;
}
