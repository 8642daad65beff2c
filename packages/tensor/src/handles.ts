import type { AnyTensor } from './op-definition.js';

// Access to the internals of tensors for gradient engines and kernels. The public types do not show them.

/**
 * Returns another handle on the memory of a tensor, with its own id. A gradient tape treats it as another tensor.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { aliasOf } from '@mobinet/tensor/kernels';
 *
 * const x = tensor([1, 2]);
 * const alias = aliasOf(x);
 * x.dispose();
 * console.log(`${alias.values}`); // the memory lives as long as one of its handles
 * // → 1,2
 * ```
 */
export const aliasOf = <T extends AnyTensor>(x: T): T => x.alias(x.shape) as T;

/**
 * Returns another handle on the value of a tensor, with the same id, which may outlive the tensor. A gradient tape
 * treats both as one tensor.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { aliasOf, twinOf } from '@mobinet/tensor/kernels';
 *
 * const x = tensor([1, 2]);
 * console.log(`${twinOf(x).id === x.id}, ${aliasOf(x).id === x.id}`);
 * // → true, false
 * ```
 */
export const twinOf = <T extends AnyTensor>(x: T): T => x.twin() as T;

/**
 * The byte address of a tensor's first element in the CPU memory. @throws BackendError if the tensor is on a GPU.
 *
 * @example
 * ```ts
 * import { zeros } from '@mobinet/tensor';
 * import { addressOf } from '@mobinet/tensor/kernels';
 *
 * console.log(addressOf(zeros([3])) % 64); // tensors start at a cache line
 * // → 0
 * ```
 */
export const addressOf = (x: AnyTensor): number => x.address;

/**
 * Whether two tensors share their memory.
 *
 * @example
 * ```ts
 * import { relu, reshape, zeros } from '@mobinet/tensor';
 * import { shareMemory } from '@mobinet/tensor/kernels';
 *
 * const x = zeros([2, 3]);
 * console.log(`${shareMemory(x, reshape(x, [6]))}, ${shareMemory(x, relu(x))}`);
 * // → true, false
 * ```
 */
export const shareMemory = (x: AnyTensor, y: AnyTensor): boolean => x.block === y.block;

/**
 * The number of times that the elements of a tensor were overwritten.
 *
 * @example
 * ```ts
 * import { assign, ones, zeros } from '@mobinet/tensor';
 * import { versionOf } from '@mobinet/tensor/kernels';
 *
 * const x = zeros([2]);
 * assign(x, ones([2]));
 * console.log(versionOf(x));
 * // → 1
 * ```
 */
export const versionOf = (x: AnyTensor): number => x.block.version;
