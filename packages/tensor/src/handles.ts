import type { AnyTensor } from './op-definition.js';

// What gradient engines and kernels do with handles, of which the types of tensors say nothing to others.

/** Another handle on the memory of a tensor, with an id of its own: to a gradient tape it is another value. */
export const aliasOf = <T extends AnyTensor>(x: T): T => x.alias(x.shape) as T;

/** Another handle on the value of a tensor, which outlives it. To a gradient tape the two are one. */
export const twinOf = <T extends AnyTensor>(x: T): T => x.twin() as T;

/** Where the first element of a tensor lies in the memory of the CPU. @throws BackendError if it is elsewhere. */
export const addressOf = (x: AnyTensor): number => x.address;

/** Whether tensors share their memory. */
export const shareMemory = (x: AnyTensor, y: AnyTensor): boolean => x.block === y.block;

/** How often the elements of a tensor were overwritten. */
export const versionOf = (x: AnyTensor): number => x.block.version;
