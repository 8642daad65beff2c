import { createRequire } from 'node:module';
import { type DType, type Shape, sizeOf, type Tensor } from '@mobinet/tensor/functions';
import type { onnx as proto } from 'onnx-proto';

/** The members of AttributeProto.AttributeType and TensorProto.DataType that are used here. */
const AttributeType = { FLOAT: 1, INT: 2, INTS: 7 } as const;
const DataType = { FLOAT: 1, INT64: 7 } as const;

/**
 * The operator set, and the version of the format that introduced it
 * (https://github.com/onnx/onnx/blob/main/docs/Versioning.md).
 */
const opset = 17;
const irVersion = 8;

/** An attribute: an integer, a list of integers, or a float, which is wrapped to tell it from an integer. */
export type Attribute = number | readonly number[] | { readonly float: number };

/** An input or output of a graph. */
export interface OnnxValue {
  /** The name of the value. */
  readonly name: string;
  /** Axes given by name may have any size. */
  readonly shape: readonly (number | string)[];
}

/** Everything in an ONNX model file besides nodes and constants. */
export interface OnnxModelInfo {
  /** The name of the graph. */
  readonly name: string;
  /** Its only input, an f32 tensor. */
  readonly input: OnnxValue;
  /** Its only output, an f32 tensor. Its name is that of a node. */
  readonly output: OnnxValue;
  /** The version of the program that makes the model. */
  readonly producerVersion: string;
  /** What else the file stores, by key. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Builds an ONNX graph node by node (https://onnx.ai/onnx/repo-docs/IR.html). Values are identified by name. Each node
 * has one output, which has the name of the node.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { OnnxGraph } from 'mobinet';
 *
 * // y = x·W for x [batch, 2].
 * const graph = new OnnxGraph();
 * graph.node('MatMul', 'y', ['x', graph.tensor('W', tensor([[1], [2]]))]);
 * const bytes = graph.encode({
 *   name: 'product',
 *   input: { name: 'x', shape: ['batch', 2] },
 *   output: { name: 'y', shape: ['batch', 1] },
 *   producerVersion: '1',
 *   metadata: {},
 * });
 * console.log(Buffer.from(bytes).includes('MatMul'));
 * // → true
 * ```
 */
export class OnnxGraph {
  readonly #nodes: proto.INodeProto[] = [];
  readonly #constants = new Map<string, proto.ITensorProto>();

  /**
   * Adds a node, whose inputs must exist already. Returns the name of its output.
   *
   * @param operator The name of an ONNX operator, such as `Conv`.
   * @param name The name of the node and of its output.
   * @param inputs The names of nodes, tensors or the input of the graph.
   * @param attributes The attributes of the operator, by name.
   */
  node(
    operator: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const attribute = Object.entries(attributes).map(([name, value]) => attributeProto(name, value));
    this.#nodes.push({ opType: operator, name, input: [...inputs], output: [name], attribute });
    return name;
  }

  /**
   * Adds an f32 tensor, optionally reshaped, which must live until `encode` reads it. Returns its name.
   *
   * @param name A new name in the graph.
   * @param tensor f32 of any shape.
   * @param as The shape in the file. Default: that of the tensor.
   * @throws RangeError unless the tensor is f32.
   */
  tensor(name: string, { dtype, shape, values }: Tensor<DType>, as: Shape = shape): string {
    if (dtype !== 'f32') throw new RangeError(`tensor ${name} is ${dtype}, but ONNX export supports only f32`);
    return this.#constant(name, DataType.FLOAT, as, values);
  }

  /** Adds a tensor filled with `value`, or reuses the one that has this name. Returns its name. */
  filled(name: string, shape: Shape, value: number): string {
    return this.#constant(name, DataType.FLOAT, shape, new Float32Array(sizeOf(shape)).fill(value));
  }

  /** Adds a list of integers, or reuses the one that has this name. Returns its name. */
  integers(name: string, values: readonly number[]): string {
    return this.#constant(name, DataType.INT64, [values.length], BigInt64Array.from(values, BigInt));
  }

  #constant(name: string, dataType: number, dims: Shape, { buffer, byteOffset, byteLength }: ArrayBufferView): string {
    this.#constants.set(name, {
      name,
      dataType,
      dims: [...dims],
      rawData: new Uint8Array(buffer, byteOffset, byteLength),
    });
    return name;
  }

  /**
   * The bytes of a model file.
   *
   * @param info The name, the inputs and the metadata of the model.
   */
  encode({ name, input, output, producerVersion, metadata }: OnnxModelInfo): Uint8Array {
    const graph = {
      name,
      node: this.#nodes,
      initializer: [...this.#constants.values()],
      input: [valueProto(input)],
      output: [valueProto(output)],
    };
    // Loaded lazily: it takes longer to load than most of this package.
    const { onnx }: typeof import('onnx-proto') = createRequire(import.meta.url)('onnx-proto');
    return onnx.ModelProto.encode({
      irVersion,
      opsetImport: [{ domain: '', version: opset }],
      producerName: 'mobinet',
      producerVersion,
      graph,
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    }).finish();
  }
}

function attributeProto(name: string, value: Attribute): proto.IAttributeProto {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: [...value] };
}

function valueProto({ name, shape }: OnnxValue): proto.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: DataType.FLOAT, shape: { dim } } } };
}
