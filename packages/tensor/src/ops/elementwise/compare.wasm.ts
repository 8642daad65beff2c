import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import type { DType } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import { f32x4, forRange, i8x16, i32, i32x4, store, storeByte, when } from '../../wasm/assembler.js';
import { type BinaryFormula, RowsKernel } from './binary.wasm.js';
import { itemSize } from './elementwise.wasm.js';
import { kernelName } from './kernel-name.js';

const flatParameters = { a: i32, b: i32, y: i32, size: i32 };

/** A comparison of two f32 operands, with broadcasting. Its formula returns a mask. */
export class ComparisonKernel {
  /** For tensors of one shape, or a tensor and a number, by the steps of a and b. */
  readonly #flat: Readonly<Record<string, Kernel<typeof flatParameters>>>;
  readonly #rows: RowsKernel;

  constructor(op: string, formula: BinaryFormula) {
    const flat = (aStep: 0 | 1, bStep: 0 | 1) => flatKernel(op, formula, aStep, bStep);
    this.#flat = { '1,1': flat(1, 1), '1,0': flat(1, 0), '0,1': flat(0, 1) };
    this.#rows = new RowsKernel(op, formula, 'u8');
  }

  /** Returns false, having done nothing, for other dtypes and for broadcasts that no kernel supports. */
  run(a: Tensor<DType>, b: Tensor<DType>, y: Tensor<'u8'>): boolean {
    if (a.dtype !== 'f32') return false;
    const kernel = this.#flat[`${flatStep(a, y)},${flatStep(b, y)}`];
    if (!kernel) return this.#rows.run(a, b, y);
    const items = Math.ceil(y.size / itemSize);
    kernel.run({ a, b, y, size: y.size }, items, { grain: chunksOf(items, itemSize * 0.2) });
    return true;
  }
}

/** How far an operand advances with each element of y: 1, or 0 for a single number; null for any other broadcasting. */
export function flatStep({ size }: Tensor<DType>, y: Tensor<DType>): 0 | 1 | null {
  if (size === y.size) return 1;
  return size === 1 ? 0 : null;
}

/** Compares 16 elements at a time, so that masks fill whole vectors of bytes. */
function flatKernel(op: string, formula: BinaryFormula, aStep: 0 | 1, bStep: 0 | 1): Kernel<typeof flatParameters> {
  const name = `f32_${kernelName(op)}${aStep ? '' : '_left1'}${bStep ? '' : '_right1'}`;
  return new Kernel(name, flatParameters, ({ a, b, y, size }, from, to) => {
    const first = i32.variable(from.mul(itemSize), 'first');
    const end = i32.variable(to.mul(itemSize).minU(size), 'end');
    const single = { a: f32x4.variable(f32x4.loadSplat(a), 'a'), b: f32x4.variable(f32x4.loadSplat(b), 'b') };
    forRange(first, end, 16, (at) => {
      const [aAt, bAt] = [i32.variable(a.add(at.mul(4)), 'aAt'), i32.variable(b.add(at.mul(4)), 'bAt')];
      const masks = [0, 16, 32, 48].map((offset) =>
        formula(aStep ? f32x4.load(aAt, offset) : single.a, bStep ? f32x4.load(bAt, offset) : single.b).as(i32x4),
      );
      const [low, high] = [masks[0].narrowS(masks[1]), masks[2].narrowS(masks[3])];
      const bytes = i8x16.variable(low.narrowS(high).and(i8x16.const(1)), 'bytes');
      const target = i32.variable(y.add(at), 'target');
      const left = i32.variable(end.sub(at), 'left');
      when(
        left.geS(16),
        () => store(target, bytes),
        () => {
          for (let lane = 0; lane < 15; lane++) when(left.gtS(lane), () => storeByte(target, bytes, lane, lane));
        },
      );
    });
  });
}
