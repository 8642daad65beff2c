import { type BitTensor, type Shape, type Tensor, transpose, unpackBits } from '@mobinet/tensor/functions';
import { layerNames, type OpCall, type Program, type Window } from '@mobinet/tensor/kernels';
import { type Attribute, OnnxGraph } from './onnx-graph.js';

/**
 * Writes the calls of a program as nodes of an ONNX graph. All tensors there are floats, and signs are ±1.0.
 *
 * Images [batch, height, width, channels] become [batch, channels, height, width], and filters likewise. So every
 * tensor of rank 4 is transposed, and a vector of channels that is combined with one becomes [channels, 1, 1].
 */
export class OnnxWriter {
  readonly graph = new OnnxGraph();
  readonly #program: Program;
  readonly #emitters: Readonly<Record<string, Emitter>>;
  /** The names of values in the graph. */
  readonly #names = new Map<number, string>();
  readonly #used = new Set<string>();

  /** @param emitters By the name of the op. @param input The name of the graph's input. */
  constructor(program: Program, emitters: Readonly<Record<string, Emitter>>, input: string) {
    this.#program = program;
    this.#emitters = emitters;
    this.#names.set(program.inputs[0], this.unique(input));
  }

  /**
   * Writes all calls. Must run in a `tidy` that lasts until the graph is encoded.
   *
   * @param output The name of the graph's output.
   */
  write(output: string): void {
    const { calls, outputs } = this.#program;
    const layers = layerNames(this.#program);
    for (const [at, call] of calls.entries()) {
      const layer = layers[at];
      if (call.kind === 'view') {
        this.#names.set(call.outputs[0], this.#reshape(layer, call.inputs[0], call.outputs[0]));
        continue;
      }
      const emit = this.#emitters[call.op.name];
      if (!emit) throw new RangeError(`${layer}: ONNX export does not support ${call.op.name}`);
      this.#names.set(call.outputs[0], emit({ writer: this, call, layer }));
    }
    this.node('Identity', output, [this.value(outputs[0])]);
  }

  /** Adds a node, whose name is made unique. Returns the name of its output. */
  node(operator: string, name: string, inputs: readonly string[], attributes?: Record<string, Attribute>): string {
    return this.graph.node(operator, this.unique(name), inputs, attributes);
  }

  shape(value: number): Shape {
    return this.#program.values[value].shape;
  }

  /**
   * The name of a value. A constant is added to the graph when it is first used.
   *
   * @param name The name to give a constant.
   */
  value(at: number, name = `constant.${at}`): string {
    const known = this.#names.get(at);
    if (known !== undefined) return known;
    const constant = this.constant(at);
    if (!constant) throw new RangeError(`${name}: ONNX export does not support ops with a second output`);
    const floats = constant.dtype === 'bits' ? unpackBits(constant) : (constant as Tensor);
    const unique = this.unique(name);
    this.graph.tensor(unique, floats.rank === 4 ? transpose(floats, [0, 3, 1, 2]) : floats);
    this.#names.set(at, unique);
    return unique;
  }

  constant(at: number): BitTensor | Tensor | undefined {
    return this.#program.constants.get(at) as BitTensor | Tensor | undefined;
  }

  /** A vector [channels], shaped so that it broadcasts along the channels of a value of the given rank. */
  channelVector(at: number, rank: number, name: string): string {
    const vector = this.constant(at);
    if (!vector) throw new RangeError(`${name}: ONNX export supports only constants as vectors of channels`);
    if (rank < 4) return this.value(at, name);
    return this.graph.tensor(this.unique(name), vector as Tensor, [vector.size, 1, 1]);
  }

  /** A name that no other node or tensor has. */
  unique(name: string): string {
    let unique = name;
    for (let count = 2; this.#used.has(unique); count++) unique = `${name}.${count}`;
    this.#used.add(unique);
    return unique;
  }

  /** Reshapes in our element order: images are transposed to channels-last and back. */
  #reshape(layer: string, from: number, to: number): string {
    const [shape, target] = [this.shape(from), this.shape(to)];
    let x = this.value(from);
    if (shape.length === 4) x = this.node('Transpose', `${layer}.channelsLast`, [x], { perm: [0, 2, 3, 1] });
    const sizes = this.graph.integers(this.unique(`${layer}.shape`), [-1, ...target.slice(1)]);
    x = this.node('Reshape', `${layer}.reshape`, [x, sizes]);
    return target.length === 4 ? this.node('Transpose', `${layer}.channelsFirst`, [x], { perm: [0, 3, 1, 2] }) : x;
  }
}

/** Writes the nodes of one op. @returns The name of its first output. */
export type Emitter = (call: OnnxCall) => string;

/** The arguments of an emitter. */
export interface OnnxCall {
  readonly writer: OnnxWriter;
  readonly call: OpCall;
  /** The prefix of the names of its nodes. */
  readonly layer: string;
}

/** The ONNX attributes of a sliding window. Pads are in the order top, left, bottom, right. */
export function windowAttributes({ height, width }: Window): {
  strides: number[];
  dilations: number[];
  pads: number[];
} {
  const axes = [height, width];
  const after = axes.map(({ output, stride, taps, dilation, input, before }) =>
    Math.max(0, (output - 1) * stride + (taps - 1) * dilation + 1 - input - before),
  );
  return {
    strides: axes.map(({ stride }) => stride),
    dilations: axes.map(({ dilation }) => dilation),
    pads: [...axes.map(({ before }) => before), ...after],
  };
}
