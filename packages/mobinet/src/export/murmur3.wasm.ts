import type { DType, Tensor } from '@mobinet/tensor/functions';
import { addressOf, forRange, i32, Kernel, store, withTemporary, wordsAt } from '@mobinet/tensor/kernels';
import { A, B, C, D, type Lanes, murmur3 } from './murmur3.js';

/** The hash of a tensor's bytes, like `murmur3`: files are checked before a network can run for the first time. */
export function murmur3OfTensor(tensor: Tensor<DType>): string {
  const { buffer, byteOffset, byteLength } = tensor.values;
  return murmur3(new Uint8Array(buffer, byteOffset, byteLength), ({ length }) =>
    withTemporary(16, (state) => {
      if (length === 0) return [0, 0, 0, 0];
      // A single item, since each block changes what the next one is mixed into.
      kernel.run({ x: addressOf(tensor), size: 4 * length, state }, 1);
      const [a, b, c, d] = wordsAt(state, 4);
      return [a, b, c, d] satisfies Lanes;
    }),
  );
}

/** The steps of `mixBlocks`: the multipliers of each lane, its rotations, and what is added. */
const steps = [
  { first: A, second: B, rotations: [15, 19], added: 0x561ccd1b },
  { first: B, second: C, rotations: [16, 17], added: 0x0bcaa747 },
  { first: C, second: D, rotations: [17, 15], added: 0x96cd1c35 },
  { first: D, second: A, rotations: [18, 13], added: 0x32ac3b17 },
] as const;

const kernel = new Kernel('bytes_murmur3', { x: i32, size: i32, state: i32 }, ({ x, size, state }) => {
  const lanes = steps.map(() => i32.variable(0, 'lane'));
  forRange(0, size, 16, (offset) => {
    for (const [index, { first, second, rotations, added }] of steps.entries()) {
      const lane = lanes[index];
      const word = i32
        .load(x.add(offset), 4 * index)
        .mul(first)
        .rotl(rotations[0])
        .mul(second);
      const next = lanes[(index + 1) % 4];
      lane.set(lane.xor(word).rotl(rotations[1]).add(next).mul(5).add(added));
    }
  });
  for (const [index, lane] of lanes.entries()) store(state, lane, 4 * index);
});
