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
} from '@mobinet/tensor';
import { layerNames, type Program, type TensorFunction } from '@mobinet/tensor/kernels';
import { messageOf } from '../data/errors.js';
import { type Options, portableOps, storedNames, type Value } from './portable-ops.js';

/** What a network does with images, for a file: JSON, beside the tensors that it names. */
export interface PortableProgram {
  /** [height, width, channels] of an image. */
  readonly images: Shape;
  /**
   * Calls in their order. An input is the name of a tensor, or a number: 0 for the images, n for what node n has made, of which the first is 1.
   * The last node makes the result.
   */
  readonly nodes: readonly PortableNode[];
  /** The shapes of tensors that are signs: in the file they are u32, all bits of a filter in one row. */
  readonly signs: Readonly<Record<string, Shape>>;
}

export type PortableNode = readonly [op: string, inputs: readonly (number | string)[], options: Options];

/** A tensor of a file: what it is, and where it is needed, its elements. */
export interface PortableConstant {
  /** Its place among the values of the program. */
  readonly place: number;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Some are new, others the program's own. To be called in a `tidy`. */
  tensor(): Tensor<DType>;
}

/**
 * A program of images in the vocabulary of files (`portable-ops.ts`), and its tensors by name.
 *
 * @throws RangeError, one line, for an op that has no place there.
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

  const nameOf = (place: number, name: string): number | string => {
    const known = numbers.get(place);
    if (known !== undefined) return known;
    const constant = constants.get(place);
    if (!constant) throw new RangeError(`${name} is the second output of an op, which has no place in a packed file`);
    let unique = name;
    for (let count = 2; named.has(unique); count++) unique = `${name}.${count}`;
    if (constant.dtype === 'bits') signs[unique] = constant.shape;
    named.set(unique, { place, ...(constant.dtype === 'bits' ? rowsOfFilters(constant) : asItIs(constant)) });
    numbers.set(place, unique);
    return unique;
  };
  const nodes = calls.map((call, at): PortableNode => {
    const layer = layers[at];
    const name = call.kind === 'view' ? 'reshape' : (storedNames[call.op.name] ?? call.op.name);
    const op = portableOps[name];
    if (!op) throw new RangeError(`${layer}: ${name} has no place in a packed file`);
    const roles = op.inputs.map((role) => role.replace(/[?…]$/, ''));
    const from = call.inputs.map((input, index) =>
      nameOf(input, `${layer}.${roles[Math.min(index, roles.length - 1)]}`),
    );
    numbers.set(call.outputs[0], at + 1);
    return [name, from, call.kind === 'view' ? { shape: values[call.outputs[0]].shape.slice(1) } : op.write(call)];
  });
  if (numbers.get(outputs[0]) !== calls.length || calls.length === 0) {
    throw new RangeError('a network whose result is not what it has done last has no place in a packed file');
  }
  return { program: { images: values[inputs[0]].shape.slice(1), nodes, signs }, constants: named };
}

/** The constants of a program, by name, of the tensors of its file: all of these but for signs, which are made. */
export function portableConstants(
  { signs }: PortableProgram,
  tensors: ReadonlyMap<string, Tensor<DType>>,
): Map<string, Value> {
  const constants = new Map<string, Value>();
  for (const [name, tensor] of tensors) if (!Object.hasOwn(signs, name)) constants.set(name, tensor);
  for (const [name, shape] of Object.entries(signs)) constants.set(name, filtersOfRows(tensors.get(name), shape, name));
  for (const [name, constant] of constants) constant.label = name;
  return constants;
}

/** The program as a function of images. @throws Error, one line that names the node, from the function. */
export function fromPortable({ nodes }: PortableProgram, constants: ReadonlyMap<string, Value>): TensorFunction {
  return (images) => {
    const made: Value[] = [images];
    for (const [at, [name, inputs, options]] of nodes.entries()) {
      try {
        made.push(
          callOf(
            name,
            inputs.map((input) => valueNamed(input, made, constants)),
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

/** @throws RangeError or TypeError, one line, unless `value` is built like a program. What it says is checked when it is called. */
export function checkPortable(value: unknown): asserts value is PortableProgram {
  checkRecord('program', value);
  const { images, nodes, signs } = value;
  checkShapeOf('program.images', images, 3);
  if (!Array.isArray(nodes) || nodes.length === 0 || nodes.length > mostNodes) {
    throw new RangeError(`program.nodes must be a list of 1 to ${mostNodes} nodes`);
  }
  for (const [at, node] of nodes.entries()) {
    const isNode = Array.isArray(node) && node.length === 3 && typeof node[0] === 'string' && Array.isArray(node[1]);
    if (!isNode) throw new RangeError(`node ${at + 1} must be [op, inputs, options], not ${shown(node)}`);
    checkRecord(`node ${at + 1}: options`, node[2]);
    // What hangs on constants alone would be calculated when the file is read.
    if (!node[1].some((input: unknown) => typeof input === 'number')) {
      throw new RangeError(`node ${at + 1}, ${shown(node[0])}: none of its inputs depends on the images`);
    }
  }
  checkRecord('program.signs', signs);
  for (const [name, shape] of Object.entries(signs)) checkShapeOf(`the signs ${name}`, shape, 4);
}

/** More than any network that runs here has, and few enough to be looked at in no time. */
const mostNodes = 10_000;

function checkShapeOf(name: string, shape: unknown, rank: number): void {
  const isShape =
    Array.isArray(shape) &&
    shape.length === rank &&
    shape.every((size) => Number.isInteger(size) && size >= 1 && size < 2 ** 24);
  if (!isShape) throw new RangeError(`${name} must have ${rank} sizes, not ${shown(shape)}`);
}

function valueNamed(input: unknown, made: readonly Value[], constants: ReadonlyMap<string, Value>): Value {
  const value = typeof input === 'number' ? made[input] : typeof input === 'string' ? constants.get(input) : undefined;
  if (!value) throw new RangeError(`there is nothing called ${shown(input)} before it`);
  return value;
}

function callOf(name: string, inputs: readonly Value[], options: Options): Value {
  if (!Object.hasOwn(portableOps, name))
    throw new RangeError('an op that is not known. The file was made by another release');
  const op = portableOps[name];
  const repeats = op.inputs.at(-1)!.endsWith('…');
  const least = op.inputs.filter((role) => !role.endsWith('?')).length;
  if (inputs.length < least || (!repeats && inputs.length > op.inputs.length)) {
    throw new RangeError(`it has ${inputs.length} inputs, but takes ${op.inputs.join(', ')}`);
  }
  for (const [index, { dtype }] of inputs.entries()) {
    const kind = op.kinds[Math.min(index, op.kinds.length - 1)];
    const fits = kind === 'counts' ? dtype === 'u8' || dtype === 'i16' : dtype === kind;
    if (!fits) throw new RangeError(`input ${index + 1} is ${dtype}, but must be ${kind}`);
  }
  return op.read(inputs, options);
}

/** All weights of a filter in one row of bits, as u32: a group's few channels would leave most of a word unused. */
function rowsOfFilters(filters: BitTensor): Omit<PortableConstant, 'place'> {
  const [count, ...rest] = filters.shape;
  const shape = [count, wordsPerRow(sizeOf(rest))];
  const tensorOf = () => tidy(() => tensor(packBits(reshape(unpackBits(filters), [count, -1])).words, { shape }));
  return { dtype: 'u32', shape, tensor: tensorOf };
}

function asItIs(tensor: Tensor<DType>): Omit<PortableConstant, 'place'> {
  return { dtype: tensor.dtype, shape: tensor.shape, tensor: () => tensor };
}

/** The way back: one row a tap, as a convolution reads them. @throws RangeError, one line, if they do not fit. */
function filtersOfRows(rows: Tensor<DType> | undefined, shape: Shape, name: string): BitTensor {
  const [count] = shape;
  const rowLength = sizeOf(shape.slice(1));
  if (rows?.dtype !== 'u32' || rows.shape.join() !== `${count},${wordsPerRow(rowLength)}`) {
    throw new RangeError(
      `the signs ${name} must be u32 [${count}, ${wordsPerRow(rowLength)}] for the shape [${shape}]`,
    );
  }
  // Signs as floats are 32 times as large: they are freed before those of the next layer are made.
  return tidy(() =>
    packBits(reshape(unpackBits(bitTensor((rows as Tensor<'u32'>).values, [count, rowLength])), shape)),
  );
}
