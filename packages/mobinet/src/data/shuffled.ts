import { type Rng, withBackend } from '@mobinet/tensor/functions';

/** A random order of 0, …, length − 1: `rng.permutation` outside of the heap of tensors. */
export function shuffled(rng: Rng, length: number): Int32Array {
  return withBackend('cpu', () => {
    const permutation = rng.permutation(length);
    const order = permutation.values.slice();
    permutation.dispose();
    return order;
  });
}

/** 0, …, length − 1. */
export const ascending = (length: number): Int32Array => Int32Array.from({ length }, (_, index) => index);
