import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { extendedKey, threefryLanes } from '../../random.wasm.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32x4,
  f32,
  f32x4,
  forEachFour,
  forRange,
  type I32,
  type I32x4,
  i32,
  i32x4,
  store,
  storeFour,
  type Variable,
  when,
  whileTrue,
} from '../../wasm/assembler.js';
import { blockGroups, digitsOf, fewestDigits, groupSize, type MaskAttributes } from './mask.js';

/** Draws the mask, and y = x·scale where it is 1, otherwise x·0. */
export function dropoutByKernel(
  x: Tensor,
  [y, mask]: readonly [Tensor, Tensor<'i32'>],
  { rate, key }: MaskAttributes,
  draw: number,
): void {
  const { word, count } = digitsOf(rate);
  const numbers = { key0: key[0], key1: key[1], draw, digits: word, digitCount: count, scale: 1 / (1 - rate) };
  const blocks = Math.ceil(x.size / (groupSize * blockGroups));
  drawKernel.run({ x, y, mask, size: x.size, ...numbers }, blocks, { grain: chunksOf(blocks, 300) });
}

/** y = x·scale where the mask is 1, otherwise x·0. */
export function maskedByKernel(x: Tensor, mask: Tensor<'i32'>, y: Tensor, scale: number): void {
  const groups = Math.ceil(x.size / groupSize);
  maskedKernel.run({ x, mask, y, size: x.size, scale }, groups, { grain: chunksOf(groups, 25) });
}

/** The items are blocks of groups. */
const drawKernel = new Kernel(
  'f32_dropout__xoshiro128',
  {
    x: i32,
    y: i32,
    mask: i32,
    size: i32,
    key0: i32,
    key1: i32,
    draw: i32,
    digits: i32,
    digitCount: i32,
    scale: f32,
  },
  ({ x, y, mask, size, key0, key1, draw, digits, digitCount, scale }, from, to) => {
    const keys = extendedKey(key0, key1);
    const scales = f32x4.variable(f32x4.splat(scale), 'scales');
    const [a, b, c, d] = [0, 1, 2, 3].map(() => i32x4.variable(0, 'state'));
    const [dropped, undecided] = [i32x4.variable(0, 'dropped'), i32x4.variable(0, 'undecided')];
    const [digit, rest] = [i32x4.variable(0, 'digit'), i32.variable(0, 'rest')];
    const k = i32.variable(0, 'k');
    const drawDigit = (): void => {
      digit.set(i32x4.splat(rest).shrS(i32.const(31)));
      rest.set(rest.shl(1));
      const random = i32x4.variable(rotated(a.add(d), 7).add(a), 'random');
      const shifted = i32x4.variable(b.shl(i32.const(9)), 'shifted');
      c.set(c.xor(a));
      d.set(d.xor(b));
      b.set(b.xor(c));
      a.set(a.xor(d));
      c.set(c.xor(shifted));
      d.set(rotated(d, 11));
      const differs = i32x4.variable(undecided.and(digit.xor(random)), 'differs');
      dropped.set(dropped.or(differs.and(digit)));
      undecided.set(undecided.xor(differs));
      k.set(k.add(1));
    };
    const few = i32.variable(digitCount.minU(i32.const(fewestDigits)), 'few');
    const target = i32.variable(mask.add(from.mul(16 * blockGroups)), 'target');
    forRange(from, to, 1, (block) => {
      const low = i32x4.variable(i32x4.splat(block.mul(8)).add(i32x4.const(0, 1, 2, 3)), 'low');
      const high = i32x4.splat(draw);
      const seeds = [...threefryLanes(keys, low, high), ...threefryLanes(keys, low.add(i32x4.const(4)), high)];
      [a, b, c, d].forEach((state, at) => {
        state.set(seeds[at]);
      });
      const first = i32.variable(block.mul(groupSize * blockGroups), 'first');
      const end = i32.variable(first.add(groupSize * blockGroups).minU(size), 'end');
      forRange(first, end, groupSize, (start) => {
        dropped.set(i32x4.const(0));
        undecided.set(i32x4.const(-1));
        rest.set(digits);
        k.set(i32.const(0));
        whileTrue(() => k.ltS(few), drawDigit);
        whileTrue(() => k.ltS(digitCount).and(undecided.eq(i32x4.const(0)).bitmask().ne(15)), drawDigit);
        const kept = i32x4.variable(dropped.xor(i32x4.const(-1)), 'kept');
        store(target, kept);
        target.set(target.add(16));
        maskGroup(kept, scales, x.add(start.mul(4)), y.add(start.mul(4)), end.sub(start));
      });
    });
  },
);

/** The items are groups. */
const maskedKernel = new Kernel(
  'f32_dropout_masked',
  { x: i32, mask: i32, y: i32, size: i32, scale: f32 },
  ({ x, mask, y, size, scale }, from, to) => {
    const scales = f32x4.variable(f32x4.splat(scale), 'scales');
    forRange(from, to, 1, (group) => {
      const kept = i32x4.variable(i32x4.load(mask.add(group.mul(16))), 'kept');
      const start = i32.variable(group.mul(groupSize), 'start');
      maskGroup(kept, scales, x.add(start.mul(4)), y.add(start.mul(4)), size.sub(start));
    });
  },
);

/** Masks a group, or the `count` elements of it that exist. */
function maskGroup(kept: Variable<I32x4>, scales: F32x4, x: I32, y: I32, count: I32): void {
  const [source, target, left] = [i32.variable(x, 'source'), i32.variable(y, 'target'), i32.variable(count, 'left')];
  // The top bits of the four lanes become the signs of integers, and then all bits.
  const masked = (at: I32, offset = 0): F32x4 =>
    f32x4.load(at, offset).mul(kept.shrS(i32.const(31)).as(f32x4).and(scales));
  const next = (): void => kept.set(kept.shl(i32.const(1)));
  when(
    left.geS(groupSize),
    () => {
      for (let v = 0; v < groupSize / 4; v++) {
        store(target, masked(source, 16 * v), 16 * v);
        next();
      }
    },
    () =>
      forEachFour(left, (offset, rest) => {
        storeFour(target.add(offset), f32x4.variable(masked(source.add(offset)), 'masked'), rest);
        next();
      }),
  );
}

const rotated = (x: I32x4, bits: number): I32x4 => {
  const lanes = i32x4.variable(x, 'lanes');
  return lanes.shl(i32.const(bits)).or(lanes.shrU(i32.const(32 - bits)));
};
