import type { AnyTensor } from './op-definition.js';

// Access to the internals of tensors for gradient engines and kernels. The public types do not show them.

/** Returns another handle on the memory of a tensor, with its own id. A gradient tape treats it as another tensor. */
export const aliasOf = <T extends AnyTensor>(x: T): T => x.alias(x.shape) as T;

/**
 * Returns another handle on the value of a tensor, with the same id, which may outlive the tensor. A gradient tape
 * treats both as one tensor.
 */
export const twinOf = <T extends AnyTensor>(x: T): T => x.twin() as T;

/** The byte address of a tensor's first element in the CPU memory. @throws BackendError if the tensor is on a GPU. */
export const addressOf = (x: AnyTensor): number => x.address;

/** Whether two tensors share their memory. */
export const shareMemory = (x: AnyTensor, y: AnyTensor): boolean => x.block === y.block;

/** The number of times that the elements of a tensor were overwritten. */
export const versionOf = (x: AnyTensor): number => x.block.version;
