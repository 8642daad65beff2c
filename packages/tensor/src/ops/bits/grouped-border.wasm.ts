import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import type { Tensor } from '../../tensor.js';
import { f32x4, forRange, type I32, i32, select, store } from '../../wasm/assembler.js';
import type { Window } from '../window.js';
import { windowArguments, windowParameters } from '../window.wasm.js';

/**
 * Turns the filter gradient of a convolution padded with +1 into that of one padded with 0: subtracts from each weight
 * the elements of dY whose tap is outside the image.
 *
 * @param df [filters, height, width, channels], with a multiple of 4 filters and channels, without stride and dilation.
 */
export function subtractBorderSums(dy: Tensor, df: Tensor, window: Window): void {
  const [outChannels, kernelHeight, kernelWidth, channels] = df.shape;
  const [batch] = dy.shape;
  const taps = kernelHeight * kernelWidth;
  const borderPixels = batch * taps * (window.height.output + window.width.output);
  borderKernel(kernelHeight, kernelWidth, channels).run(
    { dy, df, batch, allChannels: outChannels, ...windowArguments(window) },
    outChannels / 4,
    { grain: chunksOf(outChannels / 4, borderPixels + taps * channels), scratch: 16 },
  );
}

/** The items are four filters, which are the lanes. */
const borderKernel = memoize(
  (kernelHeight: number, kernelWidth: number, channels: number) =>
    new Kernel(
      `bits_grouped_border_${kernelHeight}x${kernelWidth}_c${channels}`,
      { dy: i32, df: i32, batch: i32, allChannels: i32, ...windowParameters },
      (p, from, to, scratch) => {
        const pixelBytes = i32.variable(p.allChannels.mul(4), 'pixelBytes');
        const filterBytes = 4 * kernelHeight * kernelWidth * channels;
        forRange(from, to, 1, (four) => {
          const target = i32.variable(p.df.add(four.mul(4 * filterBytes)), 'target');
          forRange(0, i32.const(kernelHeight), 1, (ki) => {
            forRange(0, i32.const(kernelWidth), 1, (kj) => {
              const sum = f32x4.variable(0, 'sum');
              const at = i32.variable(p.dy.add(four.shl(4)), 'at');
              const addPixels = (first: I32, end: I32): void => {
                forRange(first, end, 1, () => {
                  sum.set(sum.add(f32x4.load(at)));
                  at.set(at.add(pixelBytes));
                });
              };
              // The columns whose tap is inside the image are [begin, last).
              const begin = i32.variable(maxS(p.left.sub(kj), i32.const(0)).minU(p.outWidth), 'begin');
              const last = i32.variable(maxS(p.width.add(p.left).sub(kj), begin).minU(p.outWidth), 'last');
              forRange(0, p.batch, 1, () => {
                forRange(0, p.outHeight, 1, (i) => {
                  const isInside = i32.variable(i.add(ki).sub(p.top).ltU(p.height), 'isInside');
                  const skipFrom = i32.variable(select(isInside, begin, p.outWidth), 'skipFrom');
                  const skipTo = i32.variable(select(isInside, last, p.outWidth), 'skipTo');
                  addPixels(i32.const(0), skipFrom);
                  at.set(at.add(skipTo.sub(skipFrom).mul(pixelBytes)));
                  addPixels(skipTo, p.outWidth);
                });
              });
              store(scratch, sum);
              for (let filter = 0; filter < 4; filter++) {
                const own = f32x4.variable(f32x4.loadSplat(scratch, 4 * filter), 'own');
                for (let c = 0; c < channels; c += 4) {
                  const offset = filter * filterBytes + 4 * c;
                  store(target, f32x4.load(target, offset).sub(own), offset);
                }
              }
              target.set(target.add(4 * channels));
            });
          });
        });
      },
    ),
);

/** The larger of two signed integers. Both operands are evaluated twice. */
const maxS = (a: I32, b: I32): I32 => select<I32>(a.gtS(b), a, b);
