import { createRequire } from 'node:module';
import { type DType, type Shape, sizeOf, type Tensor } from '@mobinet/tensor';
import type { onnx as proto } from 'onnx-proto';

/** What is written here of AttributeProto.AttributeType and of TensorProto.DataType. */
const AttributeType = { FLOAT: 1, INT: 2, INTS: 7 } as const;
const DataType = { FLOAT: 1, INT64: 7 } as const;

/** The version of the operators, and that of the format which came with them (https://github.com/onnx/onnx/blob/main/docs/Versioning.md). */
const opset = 17;
const irVersion = 8;

/** Integers and lists of them as they are; a float says that it is one. */
export type Attribute = number | readonly number[] | { readonly float: number };

/** A named axis has any size. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface OnnxModelInfo {
  readonly name: string;
  readonly input: OnnxValue;
  readonly output: OnnxValue;
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * An ONNX graph that grows node by node (https://onnx.ai/onnx/repo-docs/IR.html). Values are known by name; each node has one
 * output, which is called as the node is.
 */
export class OnnxGraph {
  readonly #nodes: proto.INodeProto[] = [];
  readonly #constants = new Map<string, proto.ITensorProto>();

  /** Adds a node whose inputs are there already. Returns the name of its output. */
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

  /** Adds a tensor, in another shape if one is given. It is read by `encode`, so it must live until then. Returns its name. */
  tensor(name: string, { dtype, shape, values }: Tensor<DType>, as: Shape = shape): string {
    if (dtype !== 'f32') throw new RangeError(`${name} is ${dtype}; only f32 has a place in these graphs`);
    return this.#constant(name, DataType.FLOAT, as, values);
  }

  /** A tensor that is `value` all over. Several nodes may ask for the same. */
  filled(name: string, shape: Shape, value: number): string {
    return this.#constant(name, DataType.FLOAT, shape, new Float32Array(sizeOf(shape)).fill(value));
  }

  /** A list of integers. Several nodes may ask for the same. */
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

  /** The bytes of a model file. */
  encode({ name, input, output, producerVersion, metadata }: OnnxModelInfo): Uint8Array {
    const graph = {
      name,
      node: this.#nodes,
      initializer: [...this.#constants.values()],
      input: [valueProto(input)],
      output: [valueProto(output)],
    };
    // It is loaded when it is needed, since that takes longer than to load most else of this package.
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
