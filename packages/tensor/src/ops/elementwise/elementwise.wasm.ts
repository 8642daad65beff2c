import { chunksOf } from '../../backends/cpu/dispatch.js';
import { type Argument, Kernel, type KernelParameters, type ParameterTypes } from '../../backends/cpu/kernel.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32x4,
  f32x4,
  forEachFour,
  forRange,
  type I32,
  i32,
  store,
  storeFour,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import { collapsedAxes } from './broadcast.js';

/** One element of the result, four lanes at a time, from those of the operands. */
type Formula<P extends ParameterTypes> = (operands: readonly F32x4[], parameters: KernelParameters<P>) => F32x4;

/** Elements that are an item of work: whole vectors, few enough not to matter in chunks. */
const itemSize = 64;
const vectorsAtOnce = 4;

/**
 * A kernel that calculates each element of f32 tensors by a formula, from operands of the same size.
 * @param parameters Numbers that the formula takes, the same for all elements.
 */
export class ElementwiseKernel<P extends ParameterTypes = Record<never, never>> {
  readonly #kernel: Kernel<ParameterTypes>;
  readonly #operands: number;

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
      const whole = i32.variable(size.and(-4 * vectorsAtOnce), 'whole');
      forRange(0, whole, 4 * vectorsAtOnce, () => vectors(vectorsAtOnce));
      forRange(whole, size.sub(3), 4, () => vectors(1));
      const rest = i32.variable(size.and(3), 'rest');
      when(rest, () => storeFour(target, f32x4.variable(element(0), 'last'), rest));
    });
  }

  run(operands: readonly Tensor[], y: Tensor, args = {} as { readonly [K in keyof P]: Argument }): void {
    if (operands.length !== this.#operands)
      throw new RangeError(`${this.#kernel.name} takes ${this.#operands} operands`);
    const addresses = Object.fromEntries(operands.map((x, k) => [`x${k}`, x]));
    const items = Math.ceil(y.size / itemSize);
    const grain = chunksOf(items, itemSize * 0.15 * (operands.length + 1));
    this.#kernel.run({ y, size: y.size, ...addresses, ...args }, items, { grain });
  }
}

/**
 * A kernel of two operands with broadcasting, as far as it comes down to rows: along the last axes, an operand goes on
 * element by element, or stays where it is; and the rows of either are evenly apart.
 */
export class BinaryKernel {
  readonly #same: ElementwiseKernel;
  readonly #rows: Record<string, Kernel<typeof rowParameters>>;

  constructor(name: string, formula: (a: F32x4, b: F32x4) => F32x4) {
    this.#same = new ElementwiseKernel(name, 2, ([a, b]) => formula(a, b));
    const row = (aStep: 0 | 1, bStep: 0 | 1) => rowsKernel(`f32_${name}_rows${aStep}${bStep}`, formula, aStep, bStep);
    this.#rows = { '1,1': row(1, 1), '1,0': row(1, 0), '0,1': row(0, 1) };
  }

  /** Returns false where it cannot do the broadcasting, and has done nothing. */
  run(a: Tensor, b: Tensor, y: Tensor): boolean {
    const axes = collapsedAxes(y.shape, [a.shape, b.shape]);
    if (axes.length > 2 || y.dtype !== 'f32') return false;
    if (a.size === y.size && b.size === y.size) {
      this.#same.run([a, b], y);
      return true;
    }
    const columns = axes.at(-1) ?? { size: 1, strides: [1, 1] };
    const rows = axes.length === 2 ? axes[0] : { size: 1, strides: [0, 0] };
    const kernel = this.#rows[columns.strides.join()];
    if (!kernel) return false;
    const [aRow, bRow] = rows.strides.map((stride) => 4 * stride);
    const args = { a, b, y, columns: columns.size, aRow, bRow };
    kernel.run(args, rows.size, { grain: chunksOf(rows.size, 3 + columns.size * 0.4) });
    return true;
  }
}

const rowParameters = { a: i32, b: i32, y: i32, columns: i32, aRow: i32, bRow: i32 };

function rowsKernel(
  name: string,
  formula: (a: F32x4, b: F32x4) => F32x4,
  aStep: 0 | 1,
  bStep: 0 | 1,
): Kernel<typeof rowParameters> {
  return new Kernel(name, rowParameters, ({ a, b, y, columns, aRow, bRow }, from, to) => {
    const target = i32.variable(y.add(from.mul(columns).mul(4)), 'target');
    forRange(from, to, 1, (row) => {
      const [aAt, bAt] = [i32.variable(a.add(row.mul(aRow)), 'aAt'), i32.variable(b.add(row.mul(bRow)), 'bAt')];
      const operand = (at: Variable<I32>, step: 0 | 1): (() => F32x4) => {
        if (step === 1) return () => f32x4.load(at);
        const value = f32x4.variable(f32x4.loadSplat(at));
        return () => value;
      };
      const [aNow, bNow] = [operand(aAt, aStep), operand(bAt, bStep)];
      forEachFour(columns, (_, rest) => {
        storeFour(target, f32x4.variable(formula(aNow(), bNow())), rest);
        target.set(target.add(rest ? rest.mul(4) : 16));
        if (aStep) aAt.set(aAt.add(16));
        if (bStep) bAt.set(bAt.add(16));
      });
    });
  });
}
