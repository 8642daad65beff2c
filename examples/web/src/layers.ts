import type { BitConv2dAttributes, BitTensor, Tensor } from '@mobinet/tensor';
import { type Call, layersOf, type Program, type Window } from '@mobinet/tensor/kernels';

/** A layer of any network, for inspection. Everything is read from the calls of the network's program. */
export interface InnerLayer {
  readonly name: string;
  /** The shape of the last signs that the layer makes, else of its output: [height, width, channels], or [features]. */
  readonly shape: readonly number[];
  /** Whether the layer makes signs. */
  readonly hasSigns: boolean;
  /** Null without a binary convolution, and if the input is not the last signs of another layer. */
  readonly binary: BinaryLayer | null;
}

/** A layer with a binary convolution. */
export interface BinaryLayer {
  /** The index of the layer whose signs it reads. */
  readonly input: number;
  readonly window: Window;
  readonly groups: number;
  readonly paddingValue: BitConv2dAttributes['paddingValue'];
  /** The filters, [filters, height, width, channels per group]. */
  readonly signs: BitTensor;
  /**
   * The folded transform of the counts, if that is what follows the convolution, else null: [3, filters], the factor
   * for counts from 0 up, the factor for counts below 0, and the shift.
   */
  readonly folded: Tensor | null;
  readonly hasSkip: boolean;
  /** The 2×2 pool after the convolution: its name, or null. */
  readonly pool: string | null;
  /** Whether the op after the convolution makes the signs of the layer directly from the counts. */
  readonly hasDirectSigns: boolean;
}

/** The layers of a program that is ready to run. They refer to its constants and do not own them. */
export function innerLayers(program: Program): InnerLayer[] {
  const { values, calls } = program;
  const layers = layersOf(program).map(({ name, from, to }) => {
    const own = calls.slice(from, to);
    const made = own.flatMap(({ outputs }) => outputs);
    return { name, own, made, signs: made.findLast((value) => values[value].dtype === 'bits') };
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
  const transform = isOp(next, 'foldedOutputTransform') ? next : null;
  return {
    input,
    window,
    groups,
    paddingValue,
    signs: constants.get(conv.inputs[1]) as BitTensor,
    folded: transform && (constants.get(transform.inputs[1]) as Tensor),
    hasSkip: transform !== null && transform.inputs.length > 2,
    pool: transform && (transform.attributes as { pool: string | null }).pool,
    hasDirectSigns: signs !== undefined && (next?.outputs.includes(signs) ?? false),
  };
}
