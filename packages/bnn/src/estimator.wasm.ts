import type { AnyTensor, BitTensor, Tensor } from '@mobinet/tensor/functions';
import {
  type Argument,
  chunksOf,
  type Epilogue,
  type F32x4,
  f32x4,
  forEachFour,
  forRange,
  type I32,
  i32,
  i32x4,
  Kernel,
  memoize,
  storeFour,
} from '@mobinet/tensor/kernels';
import type { Estimator } from './gradient-kinds.js';

const parameters = { x: i32, mask: i32, skip: i32, channels: i32 };

/**
 * Multiplies a gradient by the slope of the estimator and adds the gradient of a skip, [..., skipRepeats · channels],
 * summed over its repeats. Each epilogue is made once, since kernels are assembled for each epilogue object.
 */
export const estimatorEpilogue = memoize((estimator: Estimator, skipRepeats: number): Epilogue<typeof parameters> => {
  return {
    name: `${estimator}_skip${skipRepeats}`,
    parameters,
    row({ x, mask, skip, channels }, pixel) {
      const rowBytes = i32.variable(channels.mul(4), 'rowBytes');
      const row = i32.variable(
        estimator === 'clip' ? mask.add(pixel.mul(channels.add(31).shrU(5)).mul(4)) : x.add(pixel.mul(rowBytes)),
        'row',
      );
      const repeats = Array.from({ length: skipRepeats }, (_, repeat) =>
        i32.variable(skip.add(pixel.mul(skipRepeats).add(repeat).mul(rowBytes)), 'skipRow'),
      );
      return (value, offset, constant) => {
        const at = (address: I32): F32x4 => f32x4.load(address.add(offset), constant);
        const passed = {
          identity: () => value,
          approx: () => passApproxLanes(value, at(row)),
          clip: () => passClippedLanes(value, row, offset.add(constant)),
        }[estimator]();
        return repeats.reduce((sum, repeat) => sum.add(at(repeat)), passed);
      };
    },
  };
});

export function epilogueArguments(
  memory: AnyTensor | undefined,
  skip: Tensor | null,
  channels: number,
): Record<keyof typeof parameters, Argument> {
  const isMask = memory?.dtype === 'bits';
  return { x: !memory || isMask ? 0 : memory, mask: isMask ? memory : 0, skip: skip ?? 0, channels };
}

/** dy · max(0, 2 − 2|x|) */
export function passApproxLanes(dy: F32x4, x: F32x4): F32x4 {
  const two = f32x4.const(2);
  return dy.mul(two.subMul(two, x.abs()).pmax(f32x4.const(0)));
}

/** dy, or 0 where the bit of an element is 1. `offset` is that of its floats, in bytes from the start of the row. */
function passClippedLanes(dy: F32x4, maskRow: I32, offset: I32): F32x4 {
  // Four elements, 16 bytes of floats, are four bits of a mask word.
  const word = i32.load(maskRow.add(offset.shrU(7).mul(4))).shrU(offset.shrU(2).and(28));
  const lanes = i32x4.const(1, 2, 4, 8);
  const passes = i32x4.splat(word).and(lanes).eq(i32x4.const(0));
  return dy.and(passes.as(f32x4));
}

/** dx from dy and the mask of `'clip'`. */
export function passClipped(dy: Tensor, mask: BitTensor, dx: Tensor): void {
  const channels = dy.shape[dy.rank - 1] ?? 1;
  const rows = dy.size / channels;
  const args = { ...epilogueArguments(mask, null, channels), dy, dx };
  passClippedKernel.run(args, rows, { grain: chunksOf(rows, 3 + channels * 0.3) });
}

const passClippedKernel = new Kernel('f32_pass_clip', { ...parameters, dy: i32, dx: i32 }, (p, from, to) => {
  const { row } = estimatorEpilogue('clip', 0);
  const at = i32.variable(from.mul(p.channels).mul(4), 'at');
  forRange(from, to, 1, (pixel) => {
    const pass = row(p, pixel);
    forEachFour(p.channels, (offset, rest) => {
      const four = f32x4.variable(pass(f32x4.load(p.dy.add(at)), offset, 0), 'four');
      storeFour(p.dx.add(at), four, rest);
      at.set(at.add(rest ? rest.mul(4) : 16));
    });
  });
});
