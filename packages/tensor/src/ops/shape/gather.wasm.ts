import { Kernel } from '../../backends/cpu/kernel.js';
import { f32, f32x4, forRange, i32, store } from '../../wasm/assembler.js';

/**
 * Adds each run of `updates` to the slice of its index. Items are blocks [size, run] of y, since indices may repeat.
 */
export const scatterAddKernel = new Kernel(
  'f32_scatter_add',
  { updates: i32, indices: i32, y: i32, count: i32, size: i32, run: i32 },
  ({ updates, indices, y, count, size, run }, from, to) => {
    const runBytes = i32.variable(run.mul(4), 'runBytes');
    const at = i32.variable(updates.add(from.mul(count).mul(runBytes)), 'at');
    forRange(from, to, 1, (block) => {
      const target = i32.variable(y.add(block.mul(size).mul(runBytes)), 'target');
      forRange(0, count, 1, (i) => {
        const to = i32.variable(target.add(i32.load(indices.add(i.mul(4))).mul(runBytes)), 'to');
        const whole = i32.variable(runBytes.and(-16), 'whole');
        forRange(0, whole, 16, (offset) =>
          store(to.add(offset), f32x4.load(to.add(offset)).add(f32x4.load(at.add(offset)))),
        );
        forRange(whole, runBytes, 4, (offset) =>
          store(to.add(offset), f32.load(to.add(offset)).add(f32.load(at.add(offset)))),
        );
        at.set(at.add(runBytes));
      });
    });
  },
);
