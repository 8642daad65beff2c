import { chunksOf } from '../../backends/cpu/dispatch.js';
import { type Argument, Kernel, type KernelParameters, type ParameterTypes } from '../../backends/cpu/kernel.js';
import type { Tensor } from '../../tensor.js';
import { type F32x4, f32x4, forRange, i32, store, storeFour, when } from '../../wasm/assembler.js';

/** Computes four elements of the result from those of the operands. */
type Formula<P extends ParameterTypes> = (operands: readonly F32x4[], parameters: KernelParameters<P>) => F32x4;

/**
 * Elements per item of work: whole vectors of bytes or floats, and few enough to be shared out evenly among threads.
 */
export const itemSize = 64;
/** Vectors per iteration of the main loop. */
const vectorsPerPass = 4;

/**
 * A kernel that computes each element of an f32 tensor by a formula, from operands of the same size.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel, f32x4 } from '@mobinet/tensor/kernels';
 *
 * const average = new ElementwiseKernel('average', 2, ([a, b]) => a.add(b).mul(f32x4.const(0.5)));
 * const y = zeros([3]);
 * average.run([tensor([1, 2, 3]), tensor([3, 2, 7])], y);
 * console.log(`${y.values}`);
 * // → 2,2,5
 * ```
 */
export class ElementwiseKernel<P extends ParameterTypes = Record<never, never>> {
  readonly #kernel: Kernel<ParameterTypes>;
  readonly #operands: number;

  /**
   * @param name Without its prefix `f32_`.
   * @param operands The number of operands.
   * @param formula Computes four elements of the result from those of the operands.
   * @param parameters The types of numbers that the formula takes, which are the same for all elements. Default: none.
   */
  constructor(name: string, operands: number, formula: Formula<P>, parameters = {} as P) {
    this.#operands = operands;
    const addresses = Object.fromEntries(Array.from({ length: operands }, (_, k) => [`x${k}`, i32]));
    const types: ParameterTypes = { y: i32, size: i32, ...addresses, ...parameters };
    this.#kernel = new Kernel(`f32_${name}`, types, (all, from, to) => {
      const p = all as KernelParameters<Record<string, typeof i32>>;
      const operandAt = Object.keys(addresses).map((name) => p[name]);
      const first = i32.variable(from.mul(itemSize), 'first');
      const end = i32.variable(to.mul(itemSize).minU(p.size), 'end');
      const places = [...operandAt, p.y].map((at) => i32.variable(at.add(first.mul(4)), 'at'));
      const element = (vector: number): F32x4 => {
        const values = operandAt.map((_, k) => f32x4.variable(f32x4.load(places[k], 16 * vector)));
        return formula(values, all as KernelParameters<P>);
      };
      const target = places[operands];
      const vectors = (count: number): void => {
        for (let v = 0; v < count; v++) store(target, element(v), 16 * v);
        for (const place of places) place.set(place.add(16 * count));
      };
      const size = i32.variable(end.sub(first), 'sizeHere');
      const whole = i32.variable(size.and(-4 * vectorsPerPass), 'whole');
      forRange(0, whole, 4 * vectorsPerPass, () => vectors(vectorsPerPass));
      forRange(whole, size.sub(3), 4, () => vectors(1));
      const rest = i32.variable(size.and(3), 'rest');
      when(rest, () => storeFour(target, f32x4.variable(element(0), 'last'), rest));
    });
  }

  /** @throws RangeError if the number of operands is wrong. Their sizes are not checked. */
  run(operands: readonly Tensor[], y: Tensor, args = {} as { readonly [K in keyof P]: Argument }): void {
    if (operands.length !== this.#operands) {
      throw new RangeError(`${this.#kernel.name} takes ${this.#operands} operands, not ${operands.length}`);
    }
    const addresses = Object.fromEntries(operands.map((x, k) => [`x${k}`, x]));
    const items = Math.ceil(y.size / itemSize);
    const grain = chunksOf(items, itemSize * 0.15 * (operands.length + 1));
    this.#kernel.run({ y, size: y.size, ...addresses, ...args }, items, { grain });
  }
}
