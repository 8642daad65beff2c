import {
  type BitTensor,
  bitTensor,
  checkRecord,
  type DType,
  packBits,
  reshape,
  type Shape,
  shown,
  sizeOf,
  type Tensor,
  tensor,
  tidy,
  unpackBits,
  wordsPerRow,
} from '@mobinet/tensor/functions';
import { layerNames, type Program, type TensorFunction } from '@mobinet/tensor/kernels';
import { messageOf } from '../data/errors.js';
import { notPortable, type Options, portableOps, type Value } from './portable-ops.js';

/** The program of a packed file: JSON, which refers to the tensors of the file by name. */
export interface PortableProgram {
  /** [height, width, channels] of an image. */
  readonly images: Shape;
  /** Calls in execution order. The last one makes the result. */
  readonly nodes: readonly PortableNode[];
  /** The shapes of tensors of signs. In the file these are u32, with all bits of a filter in one row. */
  readonly signs: Readonly<Record<string, Shape>>;
}

/** A call. Each input is the name of a tensor, or a number: 0 for the images, n ≥ 1 for the result of node n. */
export type PortableNode = readonly [op: string, inputs: readonly (number | string)[], options: Options];

/** A tensor of a packed file. */
export interface PortableConstant {
  /** Its index among the values of the program. */
  readonly index: number;
  readonly dtype: DType;
  readonly shape: Shape;
  /** The tensor itself: for signs a new one, else the program's own. Call it in a `tidy`. */
  tensor(): Tensor<DType>;
}

/**
 * Converts a program to the ops of packed files (`portable-ops.ts`). Returns it with its tensors by name.
 *
 * @throws RangeError, one line, for ops that packed files do not support.
 */
export function toPortable(program: Program): {
  program: PortableProgram;
  constants: Map<string, PortableConstant>;
} {
  const { values, inputs, constants, calls, outputs } = program;
  const numbers = new Map<number, number | string>([[inputs[0], 0]]);
  const named = new Map<string, PortableConstant>();
  const signs: Record<string, Shape> = {};
  const layers = layerNames(program);

  const nameOf = (index: number, name: string): number | string => {
    const known = numbers.get(index);
    if (known !== undefined) return known;
    const constant = constants.get(index);
    if (!constant) throw notPortable('ops with a second output', name);
    let unique = name;
    for (let count = 2; named.has(unique); count++) unique = `${name}.${count}`;
    if (constant.dtype === 'bits') signs[unique] = constant.shape;
    named.set(unique, { index, ...(constant.dtype === 'bits' ? packFilters(constant) : plainConstant(constant)) });
    numbers.set(index, unique);
    return unique;
  };
  const nodes = calls.map((call, at): PortableNode => {
    const layer = layers[at];
    const name = call.kind === 'view' ? 'reshape' : call.op.name;
    const op = portableOps[name];
    if (!op) throw notPortable(name, layer);
    const roles = op.inputs.map((role) => role.replace(/[?…]$/, ''));
    const from = call.inputs.map((input, index) =>
      nameOf(input, `${layer}.${roles[Math.min(index, roles.length - 1)]}`),
    );
    numbers.set(call.outputs[0], at + 1);
    return [name, from, call.kind === 'view' ? { shape: values[call.outputs[0]].shape.slice(1) } : op.write(call)];
  });
  if (numbers.get(outputs[0]) !== calls.length || calls.length === 0) {
    throw new RangeError('packed files only support networks whose output is the result of their last op');
  }
  return { program: { images: values[inputs[0]].shape.slice(1), nodes, signs }, constants: named };
}

/** The constants of a program by name: the tensors of its file, with new bit tensors in place of the rows of signs. */
export function portableConstants(
  { signs }: PortableProgram,
  tensors: ReadonlyMap<string, Tensor<DType>>,
): Map<string, Value> {
  const constants = new Map<string, Value>();
  for (const [name, tensor] of tensors) if (!Object.hasOwn(signs, name)) constants.set(name, tensor);
  for (const [name, shape] of Object.entries(signs)) constants.set(name, unpackFilters(tensors.get(name), shape, name));
  for (const [name, constant] of constants) constant.label = name;
  return constants;
}

/** The program as a function of images, which throws a RangeError that names the node if a call is invalid. */
export function fromPortable({ nodes }: PortableProgram, constants: ReadonlyMap<string, Value>): TensorFunction {
  return (images) => {
    const made: Value[] = [images];
    for (const [at, [name, inputs, options]] of nodes.entries()) {
      try {
        made.push(
          callOp(
            name,
            inputs.map((input) => findInput(input, made, constants)),
            options,
          ),
        );
      } catch (error) {
        throw new RangeError(`node ${at + 1}, ${shown(name)}: ${messageOf(error).split('\n')[0]}`);
      }
    }
    return made[made.length - 1];
  };
}

/**
 * @throws RangeError or TypeError, one line, unless `value` has the structure of a program. Calls are checked later.
 */
export function checkPortable(value: unknown): asserts value is PortableProgram {
  checkRecord('program', value);
  const { images, nodes, signs } = value;
  checkShapeOf('program.images', images, 3);
  if (!Array.isArray(nodes) || nodes.length === 0 || nodes.length > maxNodes) {
    throw new RangeError(`program.nodes must be a list of 1 to ${maxNodes} nodes`);
  }
  for (const [at, node] of nodes.entries()) {
    const isNode = Array.isArray(node) && node.length === 3 && typeof node[0] === 'string' && Array.isArray(node[1]);
    if (!isNode) throw new RangeError(`node ${at + 1} must be [op, inputs, options], not ${shown(node)}`);
    checkRecord(`node ${at + 1}: options`, node[2]);
    // A node with constant inputs only would be computed while the file is read.
    if (!node[1].some((input: unknown) => typeof input === 'number')) {
      throw new RangeError(`node ${at + 1}, ${shown(node[0])}: none of its inputs depends on the images`);
    }
  }
  checkRecord('program.signs', signs);
  for (const [name, shape] of Object.entries(signs)) checkShapeOf(`the signs ${name}`, shape, 4);
}

/** More than any supported network has, and few enough to be checked quickly. */
const maxNodes = 10_000;

function checkShapeOf(name: string, shape: unknown, rank: number): void {
  const isShape =
    Array.isArray(shape) &&
    shape.length === rank &&
    shape.every((size) => Number.isInteger(size) && size >= 1 && size < 2 ** 24);
  if (!isShape) throw new RangeError(`${name} must be a list of ${rank} sizes, not ${shown(shape)}`);
}

function findInput(input: unknown, made: readonly Value[], constants: ReadonlyMap<string, Value>): Value {
  const value = typeof input === 'number' ? made[input] : typeof input === 'string' ? constants.get(input) : undefined;
  if (!value) throw new RangeError(`its input ${shown(input)} is not defined before it`);
  return value;
}

function callOp(name: string, inputs: readonly Value[], options: Options): Value {
  if (!Object.hasOwn(portableOps, name)) {
    throw new RangeError('unknown op. The file was probably written by another release');
  }
  const op = portableOps[name];
  const repeats = op.inputs.at(-1)!.endsWith('…');
  const least = op.inputs.filter((role) => !role.endsWith('?')).length;
  if (inputs.length < least || (!repeats && inputs.length > op.inputs.length)) {
    throw new RangeError(`it takes the inputs ${op.inputs.join(', ')}, but has ${inputs.length}`);
  }
  for (const [index, { dtype }] of inputs.entries()) {
    const kind = op.kinds[Math.min(index, op.kinds.length - 1)];
    const fits = kind === 'counts' ? dtype === 'u8' || dtype === 'i16' : dtype === kind;
    if (!fits) throw new RangeError(`input ${index + 1} is ${dtype}, but must be ${kind}`);
  }
  return op.read(inputs, options);
}

/**
 * All weights of a filter in one row of bits, as u32. Rows of single taps would waste most of a word where groups have
 * few channels.
 */
function packFilters(filters: BitTensor): Omit<PortableConstant, 'index'> {
  const [count, ...rest] = filters.shape;
  const shape = [count, wordsPerRow(sizeOf(rest))];
  const tensorOf = () => tidy(() => tensor(packBits(reshape(unpackBits(filters), [count, -1])).words, { shape }));
  return { dtype: 'u32', shape, tensor: tensorOf };
}

function plainConstant(tensor: Tensor<DType>): Omit<PortableConstant, 'index'> {
  return { dtype: tensor.dtype, shape: tensor.shape, tensor: () => tensor };
}

/**
 * The inverse of `packFilters`: one row per tap, as convolutions read them.
 *
 * @throws RangeError, one line, if the rows do not fit.
 */
function unpackFilters(rows: Tensor<DType> | undefined, shape: Shape, name: string): BitTensor {
  const [count] = shape;
  const rowLength = sizeOf(shape.slice(1));
  if (rows?.dtype !== 'u32' || rows.shape.join() !== `${count},${wordsPerRow(rowLength)}`) {
    throw new RangeError(
      `the signs ${name} must be u32 [${count}, ${wordsPerRow(rowLength)}] for the shape [${shape}]`,
    );
  }
  const words = (rows as Tensor<'u32'>).values;
  // Most filters have single taps, or fill whole words, so that both layouts are the same.
  if (wordsPerRow(rowLength) === (rowLength / shape[3]) * wordsPerRow(shape[3])) return bitTensor(words, shape);
  // Signs as floats are 32 times as large, so they are freed layer by layer.
  return tidy(() => packBits(reshape(unpackBits(bitTensor(words, [count, rowLength])), shape)));
}
