import type { BitConv2dAttributes, BitTensor, Tensor } from '@mobinet/tensor';
import { type Call, type Layer, layersOf, type Program, prune, trace, type Window } from '@mobinet/tensor/kernels';
import type { PackedModel } from 'mobinet';

/** A layer of a network, as it can be looked into. Whatever the network is: all is read from the calls that its program makes. */
export interface InnerLayer {
  readonly name: string;
  /** [height, width, channels] of what it hands on, or [numbers]. */
  readonly shape: readonly number[];
  /** Whether that is signs. */
  readonly hasSigns: boolean;
  /** Of a binary layer whose input is the signs of the layer before it; else null. */
  readonly binary: BinaryLayer | null;
}

export interface BinaryLayer {
  readonly window: Window;
  readonly groups: number;
  readonly paddingValue: BitConv2dAttributes['paddingValue'];
  /** [filters, height, width, channels of a group] */
  readonly signs: BitTensor;
  /** What follows the convolution, where that is two lines over the counts: slopes from 0 up and below, and shifts, [3, filters]; else null. */
  readonly lines: Tensor | null;
  readonly hasSkip: boolean;
  /** The pool that ends the layer. */
  readonly pool: { readonly name: string; readonly step: number } | null;
}

/** The calls of a network for one image, for as long as the page looks at it. Its constants are the network's own. */
export function programOf(model: PackedModel): Program {
  return prune(trace((images) => model.forward(images as Tensor), [{ dtype: 'f32', shape: [1, ...model.imageShape] }]));
}

export function innerLayers(program: Program): InnerLayer[] {
  const { values, calls, constants } = program;
  return layersOf(program).map((layer): InnerLayer => {
    const own = calls.slice(layer.from, layer.to);
    const made = own.flatMap(({ outputs }) => outputs.map((at) => values[at]));
    const signs = made.findLast(({ dtype }) => dtype === 'bits');
    const binary = own.find((call) => isOp(call, 'bitConv2d') && constants.has(call.inputs[1]));
    return {
      name: layer.name,
      shape: (signs ?? made[made.length - 1]).shape.slice(1),
      hasSigns: signs !== undefined,
      binary: binary ? binaryLayer(program, layer, binary) : null,
    };
  });
}

const isOp = (call: Call, name: string): call is Call & { kind: 'op' } => call.kind === 'op' && call.op.name === name;

function binaryLayer({ calls, constants }: Program, { from, to }: Layer, conv: Call): BinaryLayer {
  const own = calls.slice(from, to);
  const { window, groups, paddingValue } = (conv as Call & { kind: 'op' }).attributes as BitConv2dAttributes;
  const transform = own.find((call) => isOp(call, 'countLines'));
  const pool = own.find((call) => call.kind === 'op' && call.op.name in poolNames) as
    | (Call & { kind: 'op' })
    | undefined;
  return {
    ...{ window, groups, paddingValue },
    signs: constants.get(conv.inputs[1]) as BitTensor,
    lines: transform ? (constants.get(transform.inputs[1]) as Tensor) : null,
    hasSkip: transform !== undefined && transform.inputs.length > 2,
    pool: pool
      ? {
          name: poolNames[pool.op.name],
          step: (pool.attributes as { window: Window }).window.height.stride,
        }
      : null,
  };
}

const poolNames: Readonly<Record<string, string>> = { avgPool2d: 'average', maxPool2d: 'max', minPool2d: 'min' };
