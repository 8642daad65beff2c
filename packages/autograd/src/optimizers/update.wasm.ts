import {
  addressOf,
  type F32x4,
  f32,
  f32x4,
  floatsAt,
  forEachFour,
  forRange,
  i32,
  Kernel,
  type KernelParameters,
  type ParameterTypes,
  storeFour,
  withTemporary,
  wordsAt,
} from '@mobinet/tensor/kernels';
import type { ParameterUpdate, UpdateDefinition, UpdateNumbers } from './update-definition.js';

/** Elements in a block. A thread takes four blocks at a time. */
const blockSize = 8192;

/**
 * The fast kernel of an update. It changes all parameters of a network in one pass, in place, wherever they are in
 * memory: a table lists them block by block. Each entry contains the addresses of a block in all tensors, its size, and
 * the two decays.
 */
export class UpdateKernel<N extends string> {
  readonly #kernel: Kernel<ParameterTypes>;
  readonly #entryWords: number;

  constructor({ name, slots, numbers, lanes }: UpdateDefinition<N>) {
    const tensors = 2 + slots.length;
    this.#entryWords = tensors + 3;
    const types: ParameterTypes = { table: i32, ...Object.fromEntries(numbers.map((number) => [number, f32])) };
    this.#kernel = new Kernel<ParameterTypes>(`f32_${name}`, types, (all, from, to) => {
      const { table, ...rest } = all as KernelParameters<{ table: typeof i32 } & Record<string, typeof f32>>;
      const shared = Object.entries(rest).map(([name, value]) => [name, f32x4.variable(f32x4.splat(value), name)]);
      forRange(from, to, 1, (block) => {
        const entry = i32.variable(table.add(block.mul(4 * this.#entryWords)), 'entry');
        const at = Array.from({ length: tensors }, (_, k) => i32.variable(i32.load(entry, 4 * k), `at${k}`));
        const size = i32.variable(i32.load(entry, 4 * tensors), 'size');
        const formula = lanes({
          ...Object.fromEntries(shared),
          gradientDecay: f32x4.variable(f32x4.loadSplat(entry, 4 * (tensors + 1)), 'gradientDecay'),
          weightDecay: f32x4.variable(f32x4.loadSplat(entry, 4 * (tensors + 2)), 'weightDecay'),
        } as UpdateNumbers<N, F32x4>);
        // All tensors but the gradient are written.
        const targets = at.toSpliced(1, 1);
        forEachFour(size, (_, tail) => {
          const values = at.map((address) => f32x4.variable(f32x4.load(address)));
          const results = formula(values).map((value) => f32x4.variable(value));
          results.forEach((value, k) => {
            storeFour(targets[k], value, tail);
          });
          for (const address of at) address.set(address.add(16));
        });
      });
    });
  }

  run(updates: readonly ParameterUpdate[], numbers: Readonly<Record<N, number>>): void {
    const blocks = updates.reduce((sum, { tensors }) => sum + Math.ceil(tensors[0].size / blockSize), 0);
    if (blocks === 0) return;
    const length = blocks * this.#entryWords;
    withTemporary(4 * length, (table) => {
      const [words, floats] = [wordsAt(table, length), floatsAt(table, length)];
      let at = 0;
      for (const { tensors, gradientDecay, weightDecay } of updates) {
        const { size } = tensors[0];
        for (let first = 0; first < size; first += blockSize) {
          for (const tensor of tensors) words[at++] = addressOf(tensor) + 4 * first;
          words[at++] = Math.min(blockSize, size - first);
          floats[at++] = gradientDecay;
          floats[at++] = weightDecay;
        }
      }
      this.#kernel.run({ table, ...numbers }, blocks, { grain: 4 });
    });
  }
}
