import { absentMemory } from './absent.js';
import { currentBackend, withBackend } from './backend.js';
import { type BackendName, backendNames } from './backend-name.js';
import { copyBlock, salvageWords, writeBytes } from './backends/webgpu/transfer.js';
import { BitTensor, bitTensor, countWords, emptyBitTensor } from './bit-tensor.js';
import { checkChoice, checkTensor } from './check.js';
import { tensor } from './create.js';
import { type DType, dtypes, typedArrayOver, wordsFor, wordsOfValues } from './dtype.js';
import { BackendError, DTypeError, ShapeError } from './errors.js';
import { recordCall, recordOverwrite } from './op.js';
import { sameShape } from './shape.js';
import { emptyTensor, type Tensor } from './tensor.js';

/**
 * Returns a tensor with the same elements on `backend`: another handle if they are already there, otherwise a copy. A
 * copy from the CPU to a GPU is not differentiable, because its gradient would have to wait for the GPU.
 *
 * @param x A tensor or a bit tensor of any shape.
 * @param backend Default: the current backend.
 * @throws BackendError from a GPU to the CPU, which is asynchronous: use `toHost`; RangeError for an unknown backend.
 *
 * @example
 * ```ts
 * import { tensor, toBackend } from '@mobinet/tensor';
 *
 * const x = tensor([1, 2]);
 * const y = toBackend(x, 'cpu'); // to a GPU: toBackend(x, 'webgpu')
 * console.log(`${y.values}, ${x === y}`); // another handle, to be disposed as well
 * // → 1,2, false
 * ```
 */
export function toBackend<T extends Tensor<DType> | BitTensor>(x: T, backend: BackendName = currentBackend()): T {
  checkTensor('toBackend', x);
  checkChoice('toBackend: backend', backend, backendNames);
  if (x.backend === backend) {
    const output = x.alias(x.shape) as T;
    recordCall({ name: 'toBackend', inputs: [x], output, saved: [], gradient: (dy) => [() => dy] });
    return output;
  }
  if (backend === 'cpu') throw new BackendError('toBackend: copying from a GPU is asynchronous. Use await toHost(x).');
  const copy =
    x instanceof BitTensor
      ? emptyBitTensor(x.shape, x.label, backend)
      : emptyTensor((x as Tensor<DType>).dtype, x.shape, x.label, backend);
  writeBytes(copy.block, wordsOfValues(x instanceof BitTensor ? x.words : (x as Tensor<DType>).values));
  recordCall({ name: 'toBackend', inputs: [x], output: copy, saved: [], gradient: null });
  return copy as T;
}

/**
 * Copies a tensor to the CPU, after all pending work on its elements has finished.
 *
 * @param x A tensor on any backend.
 * @param options Optional.
 * @param options.salvage Also read from a GPU that has failed since. The elements are those of its last successful
 * work.
 * @throws BackendError if the GPU has failed, without `salvage`.
 *
 * @example
 * ```ts
 * import { tensor, toHost } from '@mobinet/tensor';
 *
 * const x = tensor([1, 2]);
 * const copy = await toHost(x);
 * x.dispose();
 * console.log(`${copy.values} on the ${copy.backend}`);
 * // → 1,2 on the cpu
 * ```
 */
export async function toHost<T extends Tensor<DType> | BitTensor>(x: T, { salvage = false } = {}): Promise<T> {
  checkTensor('toHost', x);
  const { shape } = x;
  const isSalvaged = salvage && x.backend === 'webgpu';
  if (x instanceof BitTensor) {
    const words = isSalvaged ? new Uint32Array(await salvageWords(x.block, countWords(shape))) : await x.data();
    return withBackend('cpu', () => bitTensor(words, shape)) as T;
  }
  const { block, dtype, size } = x as Tensor<DType>;
  const values = isSalvaged
    ? typedArrayOver(dtype, await salvageWords(block, wordsFor(dtype, size)), 0, size)
    : await (x as Tensor<DType>).data();
  return withBackend('cpu', () => tensor(values, { shape })) as Tensor<DType> as T;
}

/**
 * Copies the elements of `source` into `target`, in place. Not differentiable.
 *
 * @throws ShapeError if the shapes differ, DTypeError if the dtypes do, and for signs.
 * @throws BackendError from a GPU to the CPU.
 * @throws GradientError if a gradient in progress depends on the values that would be overwritten.
 *
 * @example
 * ```ts
 * import { assign, tensor } from '@mobinet/tensor';
 *
 * const weights = tensor([1, 2]);
 * assign(weights, tensor([3, 4]));
 * console.log(`${weights.values}`);
 * // → 3,4
 * ```
 */
export function assign<D extends DType>(target: Tensor<D>, source: Tensor<D>): void {
  checkTensor('assign', target, 'target');
  checkTensor('assign', source, 'source');
  if (target.dtype !== source.dtype || !dtypes.includes(target.dtype)) {
    throw new DTypeError(
      `assign: target is ${target.dtype}, but source is ${source.dtype}. Use cast(source, '${target.dtype}').`,
    );
  }
  if (!sameShape(target.shape, source.shape)) {
    throw new ShapeError('assign', 'the shapes differ', [
      { name: 'target', shape: target.shape, note: target.label },
      { name: 'source', shape: source.shape, note: source.label },
    ]);
  }
  recordOverwrite('assign', target);
  if (absentMemory()) return;
  if (target.backend === 'cpu') target.values.set(source.values);
  else if (source.backend === 'cpu') writeBytes(target.block, wordsOfValues(source.values));
  else copyBlock(source.block, target.block);
}
