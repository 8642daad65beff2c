import { absentMemory } from './absent.js';
import { currentBackend } from './backend.js';
import { writeBytes } from './backends/webgpu/transfer.js';
import { checkChoice, checkElement, checkNumber, checkOptions, checkTensor, shown, wholeNumbers } from './check.js';
import { checkShape } from './check-shape.js';
import {
  type DType,
  dtypeOf,
  dtypes,
  newTypedArray,
  type TypedArray,
  type TypedArrays,
  wordsOfValues,
} from './dtype.js';
import { DTypeError, ShapeError } from './errors.js';
import { formatShape, type Shape, sizeOf } from './shape.js';
import { emptyTensor, type Tensor } from './tensor.js';

/** The dtype of a tensor created from a typed array of type `A`. */
export type DTypeOf<A> = { [D in DType]: A extends TypedArrays[D] ? D : never }[DType];

/**
 * Returns a tensor on the current backend, filled by a callback on the CPU.
 *
 * @param dtype The element type.
 * @param shape The shape of the tensor.
 * @param write Writes every element of the array, which is uninitialized.
 * @param purpose What the memory is for, for out-of-memory errors.
 * @throws RangeError if there is no such dtype.
 * @throws OutOfMemoryError if the memory is full.
 *
 * @example
 * ```ts
 * import { fromHost } from '@mobinet/tensor';
 *
 * const ramp = fromHost('f32', [4], (values) => values.set([0, 0.25, 0.5, 0.75]));
 * console.log(`${ramp.values}`);
 * // → 0,0.25,0.5,0.75
 * ```
 */
export function fromHost<D extends DType>(
  dtype: D,
  shape: Shape,
  write: (values: TypedArray<D>) => void,
  purpose?: string,
): Tensor<D> {
  checkChoice(purpose === undefined ? 'dtype' : `${purpose}: dtype`, dtype, dtypes);
  const result = emptyTensor(dtype, shape, purpose);
  if (absentMemory()) return result;
  if (currentBackend() === 'cpu') write(result.values);
  else {
    const values = newTypedArray(dtype, sizeOf(shape));
    write(values);
    writeBytes(result.block, wordsOfValues(values));
  }
  return result;
}

/** A number, or nested arrays of numbers, as deep as the tensor has axes. */
export type NestedArray = number | readonly NestedArray[];

/**
 * Creates a tensor from a number, nested arrays, or a flat array and a shape. The dtype defaults to f32, or to the
 * element type of a typed array. The values are copied.
 *
 * @param values A number, nested arrays of equal lengths, or a typed array.
 * @param options.dtype The element type.
 * @param options.shape Default: the shape of the nested arrays, or [length] for a typed array.
 * @throws ShapeError if the arrays are ragged, or the values do not fill the shape.
 * @throws TypeError for an element that is not a number; DTypeError for an array of bigints.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log(`${tensor([[1, 2], [3, 4]])}`);
 * // → Tensor<f32> [2, 2]
 * // → [[1.0000, 2.0000],
 * // →  [3.0000, 4.0000]]
 * console.log(`${tensor([1, 2, 3, 4], { shape: [2, 2] }).shape}, ${tensor([1, 2], { dtype: 'i32' }).dtype}`);
 * // → 2,2, i32
 * console.log(tensor(new Uint8Array(3)).dtype);
 * // → u8
 * ```
 */
export function tensor<A extends TypedArray>(values: A, options?: { shape?: Shape }): Tensor<DTypeOf<A>>;
export function tensor<D extends DType = 'f32'>(
  values: NestedArray | TypedArray,
  options: { dtype: D; shape?: Shape },
): Tensor<D>;
export function tensor(values: NestedArray, options?: { shape?: Shape }): Tensor;
export function tensor(
  values: NestedArray | TypedArray,
  options: { dtype?: DType; shape?: Shape } = {},
): Tensor<DType> {
  checkOptions('tensor', options, ['dtype', 'shape']);
  const isTyped = ArrayBuffer.isView(values);
  const flat: ArrayLike<number> = isTyped ? values : flatten(values, nestedShape(values));
  if (typeof flat[0] === 'bigint') {
    throw new DTypeError(`tensor: ${shown(values)} has 64 bits. Convert it with Int32Array.from(values, Number).`);
  }
  const shape = checkShape('tensor', options.shape ?? (isTyped ? [values.length] : nestedShape(values)));
  if (sizeOf(shape) !== flat.length) {
    throw new ShapeError('tensor', `${flat.length} values do not fill shape ${formatShape(shape)} (${sizeOf(shape)})`);
  }
  const dtype = options.dtype ?? ((isTyped && dtypeOf(values)) || 'f32');
  return fromHost(dtype, shape, (values) => values.set(flat), 'tensor');
}

/** The shape of nested arrays, taken from the first element at each level. */
function nestedShape(values: NestedArray): number[] {
  const shape: number[] = [];
  for (let node = values; Array.isArray(node); node = node[0]) shape.push(node.length);
  return shape;
}

function flatten(values: NestedArray, shape: Shape): number[] {
  const flat: number[] = [];
  const place: number[] = [];
  const visit = (node: NestedArray, axis: number): void => {
    if (typeof node === 'number' && axis === shape.length) flat.push(node);
    else if (Array.isArray(node) && node.length === shape[axis]) {
      for (let i = 0; i < node.length; i++) {
        place[axis] = i;
        visit(node[i], axis + 1);
      }
    } else throw unfitting(node, place.slice(0, axis), shape);
  };
  visit(values, 0);
  return flat;
}

/** The error for a part of nested arrays that does not have the shape of the first elements, or is not a number. */
function unfitting(node: unknown, place: readonly number[], shape: Shape): Error {
  const expected = place.length < shape.length ? `an array of ${shape[place.length]}` : 'a number';
  const problem = `values${place.map((i) => `[${i}]`).join('')} is ${shown(node)}, not ${expected}`;
  const isRagged = Array.isArray(node) || typeof node === 'number';
  return isRagged ? new ShapeError('tensor', `ragged array: ${problem}`) : new TypeError(`tensor: ${problem}`);
}

/**
 * Returns a tensor filled with `value`. The dtype defaults to f32.
 *
 * @throws ShapeError unless every size is a whole number, 0 or more.
 * @throws OutOfMemoryError if the memory is full.
 *
 * @example
 * ```ts
 * import { full } from '@mobinet/tensor';
 *
 * console.log(`${full([2, 3], 0.5).values}`);
 * // → 0.5,0.5,0.5,0.5,0.5,0.5
 * ```
 */
export function full<D extends DType = 'f32'>(shape: Shape, value: number, dtype: D = 'f32' as D): Tensor<D> {
  return filled('full', shape, value, dtype);
}

/**
 * Returns a tensor filled with 0. The dtype defaults to f32.
 *
 * @throws ShapeError unless every size is a whole number, 0 or more.
 * @throws OutOfMemoryError if the memory is full.
 *
 * @example
 * ```ts
 * import { zeros } from '@mobinet/tensor';
 *
 * console.log(`${zeros([2, 2], 'i32')}`);
 * // → Tensor<i32> [2, 2]
 * // → [[0, 0],
 * // →  [0, 0]]
 * ```
 */
export function zeros<D extends DType = 'f32'>(shape: Shape, dtype: D = 'f32' as D): Tensor<D> {
  return filled('zeros', shape, 0, dtype);
}

/**
 * Returns a tensor filled with 1. The dtype defaults to f32.
 *
 * @throws ShapeError unless every size is a whole number, 0 or more.
 * @throws OutOfMemoryError if the memory is full.
 *
 * @example
 * ```ts
 * import { ones } from '@mobinet/tensor';
 *
 * console.log(`${ones([3]).values}`);
 * // → 1,1,1
 * ```
 */
export function ones<D extends DType = 'f32'>(shape: Shape, dtype: D = 'f32' as D): Tensor<D> {
  return filled('ones', shape, 1, dtype);
}

/**
 * Returns a scalar: a tensor of shape []. The dtype defaults to f32.
 *
 * @example
 * ```ts
 * import { scalar } from '@mobinet/tensor';
 *
 * const x = scalar(2.5);
 * console.log(`rank ${x.rank}, ${x.size} element: ${await x.item()}`);
 * // → rank 0, 1 element: 2.5
 * ```
 */
export function scalar<D extends DType = 'f32'>(value: number, dtype: D = 'f32' as D): Tensor<D> {
  return filled('scalar', [], value, dtype);
}

function filled<D extends DType>(op: string, shape: Shape, value: number, dtype: D): Tensor<D> {
  checkElement(`${op}: value`, value);
  return fromHost(dtype, checkShape(op, shape), (values) => values.fill(value), op);
}

/**
 * Returns evenly spaced numbers in the half-open interval [start, stop): start, start + step, and so on. The shape is
 * [⌈(stop − start) / step⌉]; defaults are start 0, step 1 and dtype i32.
 *
 * @throws RangeError if the step is 0, a bound is not finite, or an integer dtype would need fractions.
 *
 * @example
 * ```ts
 * import { arange } from '@mobinet/tensor';
 *
 * console.log(`${arange(4).values}; ${arange(0, 1, 0.25, 'f32').values}; ${arange(3, 0, -1).values}`);
 * // → 0,1,2,3; 0,0.25,0.5,0.75; 3,2,1
 * ```
 */
export function arange(stop: number): Tensor<'i32'>;
export function arange<D extends DType = 'i32'>(start: number, stop: number, step?: number, dtype?: D): Tensor<D>;
export function arange(start: number, stop?: number, step = 1, dtype: DType = 'i32'): Tensor<DType> {
  const [first, end] = stop === undefined ? [0, start] : [start, stop];
  for (const [name, value] of Object.entries({ start: first, stop: end, step })) checkElement(`arange: ${name}`, value);
  if (step === 0 || !Number.isFinite((end - first) / step)) {
    throw new RangeError(`arange: cannot count from ${first} to ${end} by ${step}`);
  }
  if (dtype !== 'f32' && !(Number.isInteger(first) && Number.isInteger(step))) {
    throw new RangeError(`arange: start ${first} and step ${step} are not whole numbers. Pass the dtype 'f32'.`);
  }
  return fromHost(
    dtype,
    [Math.max(0, Math.ceil((end - first) / step))],
    (values) => {
      for (let i = 0; i < values.length; i++) values[i] = first + i * step;
    },
    'arange',
  );
}

/**
 * Returns `count` evenly spaced numbers from start to stop, both included: start + i · (stop − start) / (count − 1).
 *
 * One number is `start`, as in NumPy and PyTorch. The ends are exact; the numbers between are computed in double
 * precision.
 *
 * @param start The first number.
 * @param stop The last number.
 * @param count A whole number, 0 or more. NumPy's default of 50 does not exist here.
 * @returns f32 [count].
 * @throws RangeError if an end is not a finite number, or the count is not a whole number of at least 0.
 *
 * @example
 * ```ts
 * import { linspace } from '@mobinet/tensor';
 *
 * console.log(`${linspace(0, 1, 5).values}; ${linspace(3, -3, 3).values}`);
 * // → 0,0.25,0.5,0.75,1; 3,0,-3
 * ```
 */
export function linspace(start: number, stop: number, count: number): Tensor {
  checkNumber('linspace: start', start, {});
  checkNumber('linspace: stop', stop, {});
  checkNumber('linspace: count', count, wholeNumbers(0));
  const step = count > 1 ? (stop - start) / (count - 1) : 0;
  return fromHost(
    'f32',
    checkShape('linspace', [count]),
    (values) => {
      // From the nearer end, as in PyTorch, so that both are exact.
      for (let i = 0; i < count; i++) values[i] = 2 * i < count ? start + i * step : stop - (count - 1 - i) * step;
    },
    'linspace',
  );
}

/**
 * Returns the identity matrix, f32 [size, size].
 *
 * @throws ShapeError unless the size is a whole number, 0 or more.
 *
 * @example
 * ```ts
 * import { eye } from '@mobinet/tensor';
 *
 * console.log(`${eye(2)}`);
 * // → Tensor<f32> [2, 2]
 * // → [[1.0000, 0.0000],
 * // →  [0.0000, 1.0000]]
 * ```
 */
export function eye(size: number): Tensor {
  return fromHost(
    'f32',
    checkShape('eye', [size, size]),
    (values) => {
      values.fill(0);
      for (let i = 0; i < size; i++) values[i * (size + 1)] = 1;
    },
    'eye',
  );
}

/**
 * One-hot encodes class indices: from [...shape] to f32 [...shape, classes].
 *
 * @throws RangeError if an index is outside [0, classes), or `classes` is no whole number.
 * @throws DTypeError if the indices are neither i32 nor u8.
 * @throws BackendError if the indices are on a GPU.
 *
 * @example
 * ```ts
 * import { oneHot, tensor } from '@mobinet/tensor';
 *
 * console.log(`${oneHot(tensor([2, 0], { dtype: 'i32' }), 3)}`);
 * // → Tensor<f32> [2, 3]
 * // → [[0.0000, 0.0000, 1.0000],
 * // →  [1.0000, 0.0000, 0.0000]]
 * ```
 */
export function oneHot(indices: Tensor<'i32'> | Tensor<'u8'>, classes: number): Tensor {
  checkTensor('oneHot', indices, 'indices');
  if (indices.dtype !== 'i32' && indices.dtype !== 'u8') {
    throw new DTypeError(
      `oneHot: indices must be i32 or u8, not ${(indices as Tensor<DType>).dtype}. Use cast(indices, 'i32').`,
    );
  }
  checkNumber('oneHot: classes', classes, wholeNumbers(0));
  const chosen = indices.values;
  return fromHost(
    'f32',
    checkShape('oneHot', [...indices.shape, classes]),
    (values) => {
      values.fill(0);
      chosen.forEach((index, row) => {
        if (index < 0 || index >= classes) throw new RangeError(`oneHot: index ${index} is outside 0 … ${classes - 1}`);
        values[row * classes + index] = 1;
      });
    },
    'oneHot',
  );
}
