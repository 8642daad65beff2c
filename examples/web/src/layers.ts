import type { BitConv2dAttributes, BitTensor, Tensor } from '@mobinet/tensor';
import { type Call, layersOf, type Program, type Window } from '@mobinet/tensor/kernels';

/** A layer of a network, as it can be looked into. Whatever the network is: all is read from the calls of its program. */
export interface InnerLayer {
  readonly name: string;
  /** [height, width, channels] of the last signs that it makes, or of what it hands on; [numbers] of a dense one. */
  readonly shape: readonly number[];
  /** Whether it makes signs. */
  readonly hasSigns: boolean;
  /** What is laid out of a binary layer; null of others, and where what it reads are not the last signs of a layer. */
  readonly binary: BinaryLayer | null;
}

export interface BinaryLayer {
  /** The layer whose signs it reads. */
  readonly input: number;
  readonly window: Window;
  readonly groups: number;
  readonly paddingValue: BitConv2dAttributes['paddingValue'];
  /** [filters, height, width, channels of a group] */
  readonly signs: BitTensor;
  /** What follows the convolution, where that is two lines over the counts: slopes from 0 up and below, and shifts, [3, filters]; else null. */
  readonly lines: Tensor | null;
  readonly hasSkip: boolean;
  /** What is left of each 2×2 pixels. */
  readonly pool: string | null;
  /** Whether the signs of the layer are those of these counts, with nothing done between but what follows them in one pass. */
  readonly handsOn: boolean;
}

/** The layers of a program that is ready to run. Its constants stay its own. */
export function innerLayers(program: Program): InnerLayer[] {
  const { values, calls } = program;
  const layers = layersOf(program).map(({ name, from, to }) => {
    const own = calls.slice(from, to);
    const made = own.flatMap(({ outputs }) => outputs);
    return { name, own, made, signs: made.findLast((at) => values[at].dtype === 'bits') };
  });
  return layers.map(({ name, own, made, signs }): InnerLayer => {
    const conv = own.find((call): call is OpCall => isOp(call, 'bitConv2d') && program.constants.has(call.inputs[1]));
    const input = conv ? layers.findIndex((layer) => layer.signs === conv.inputs[0]) : -1;
    return {
      name,
      shape: values[signs ?? made[made.length - 1]].shape.slice(1),
      hasSigns: signs !== undefined,
      binary: conv && input >= 0 ? binaryLayer(program, { own, conv, input, signs }) : null,
    };
  });
}

type OpCall = Call & { readonly kind: 'op' };

const isOp = (call: Call | undefined, name: string): call is OpCall => call?.kind === 'op' && call.op.name === name;

interface Convolved {
  readonly own: readonly Call[];
  readonly conv: OpCall;
  readonly input: number;
  readonly signs: number | undefined;
}

function binaryLayer({ constants }: Program, { own, conv, input, signs }: Convolved): BinaryLayer {
  const { window, groups, paddingValue } = conv.attributes as BitConv2dAttributes;
  const [counts] = conv.outputs;
  const next = own.find(({ inputs }) => inputs[0] === counts);
  const lines = isOp(next, 'foldedOutputTransform') ? next : null;
  return {
    ...{ input, window, groups, paddingValue },
    signs: constants.get(conv.inputs[1]) as BitTensor,
    lines: lines && (constants.get(lines.inputs[1]) as Tensor),
    hasSkip: lines !== null && lines.inputs.length > 2,
    pool: lines && (lines.attributes as { pool: string | null }).pool,
    handsOn: signs !== undefined && (next?.outputs.includes(signs) ?? false),
  };
}
