import type { Tensor } from '@mobinet/tensor';
import {
  type Argument,
  addressOf,
  type F32x4,
  type f32,
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

/** What is known of one parameter: its tensors, in the order of the formula, and how it decays. */
export interface ParameterUpdate {
  /** The parameter, its gradient, then what the optimizer remembers of it. */
  readonly tensors: readonly Tensor[];
  /** Added to the gradient, times the weight; and to the step. */
  readonly gradientDecay?: number;
  readonly weightDecay?: number;
}

/**
 * The new parameter and memory, four elements at a time, from the old: [w, g, …memory] to [w, …memory]. What does not depend on
 * these is calculated before, once, as variables: all parameters are given so, in all four lanes.
 */
export type UpdateFormula<P extends ParameterTypes> = (
  parameters: {
    readonly [K in keyof P]: F32x4;
  },
) => (values: readonly F32x4[], decay: { readonly gradient: F32x4; readonly weight: F32x4 }) => readonly F32x4[];

/** Elements that a thread takes at a time. */
const blockSize = 8192;

/**
 * A kernel that changes all parameters of a network in one pass, in place, wherever they lie: it is told of them block by block,
 * in a table.
 */
export class UpdateKernel<P extends ParameterTypes> {
  readonly #kernel: Kernel<ParameterTypes>;
  readonly #entryWords: number;

  /** @param tensors How many tensors a parameter comes with, itself included. */
  constructor(
    name: string,
    readonly tensors: number,
    formula: UpdateFormula<P>,
    parameters: P,
  ) {
    const decayAt = 4 * (tensors + 1);
    this.#entryWords = tensors + 3;
    const types: ParameterTypes = { table: i32, ...parameters };
    this.#kernel = new Kernel<ParameterTypes>(`f32_${name}`, types, (all, from, to) => {
      const { table, ...numbers } = all as KernelParameters<{ table: typeof i32 } & Record<string, typeof f32>>;
      const lanes = Object.entries(numbers).map(([name, value]) => [name, f32x4.variable(f32x4.splat(value), name)]);
      const updated = formula(Object.fromEntries(lanes));
      forRange(from, to, 1, (block) => {
        const entry = i32.variable(table.add(block.mul(4 * this.#entryWords)), 'entry');
        const at = Array.from({ length: tensors }, (_, k) => i32.variable(i32.load(entry, 4 * k), `at${k}`));
        const size = i32.variable(i32.load(entry, 4 * tensors), 'size');
        const decay = {
          gradient: f32x4.variable(f32x4.loadSplat(entry, decayAt), 'gradientDecay'),
          weight: f32x4.variable(f32x4.loadSplat(entry, decayAt + 4), 'weightDecay'),
        };
        // All but the gradient are written.
        const targets = at.filter((_, k) => k !== 1);
        forEachFour(size, (_, rest) => {
          const values = at.map((address) => f32x4.variable(f32x4.load(address)));
          const results = updated(values, decay).map((value) => f32x4.variable(value));
          results.forEach((value, k) => {
            storeFour(targets[k], value, rest);
          });
          for (const address of at) address.set(address.add(16));
        });
      });
    });
  }

  run(updates: readonly ParameterUpdate[], args: { readonly [K in keyof P]: Argument }): void {
    const blocks = updates.reduce((sum, { tensors }) => sum + Math.ceil(tensors[0].size / blockSize), 0);
    if (blocks === 0) return;
    const length = blocks * this.#entryWords;
    withTemporary(4 * length, (table) => {
      const [words, floats] = [wordsAt(table, length), floatsAt(table, length)];
      let at = 0;
      for (const { tensors, gradientDecay = 0, weightDecay = 0 } of updates) {
        const { size } = tensors[0];
        for (let first = 0; first < size; first += blockSize) {
          for (const tensor of tensors) words[at++] = addressOf(tensor) + 4 * first;
          words[at++] = Math.min(blockSize, size - first);
          floats[at++] = gradientDecay;
          floats[at++] = weightDecay;
        }
      }
      this.#kernel.run({ table, ...args }, blocks, { grain: 4 });
    });
  }
}
