import { bitConv2d, bitMatmul, conv2d, matmul, packBits, Rng, unpackBits } from '@mobinet/tensor';
import { withBitGemm } from '@mobinet/tensor/kernels';
import { countingBits } from './popcount-limit.js';
import { making, onThreads, type Section } from './section.js';

// What packing saves: products of signs as bits, against the same products as floats ±1.

/** The 1×1 convolutions of MobileNet at 224×224, as products [pixels, inputs] · [outputs, inputs]ᵀ. */
const shapes = [
  [784, 256, 256],
  [196, 512, 512],
  [49, 1024, 1024],
] as const;

/** The kernels for products of bits, of which a process chooses one. */
const kernels = ['popcnt64', 'swizzle', 'cnt'] as const;

type BitGemmContender = 'bits' | (typeof kernels)[number] | 'packing x' | 'floats' | 'limit' | 'two threads';

export const bitGemm: Section<BitGemmContender> = {
  title: 'bit matrix product',
  note:
    '"bits" starts from a packed x, "packing x" includes packing it; weights are always packed beforehand. ' +
    'They use the kernel that this process has chosen; "popcnt64", "swizzle" and "cnt" are each of the kernels. ' +
    '"limit" is a loop of i64.popcnt alone; "two threads" is bits on two threads.',
  benchmarks: shapes.map(([m, n, k]) => ({
    name: `${m}×${n}×${k}`,
    multiplyAdds: m * n * k,
    contenders() {
      const rng = Rng.fromSeed(1);
      const [bitsX, bitsWeight] = [packBits(rng.normal([m, k])), packBits(rng.normal([n, k]))];
      const [x, weight] = [unpackBits(bitsX), unpackBits(bitsWeight)];
      const bits = making(() => bitMatmul(bitsX, bitsWeight));
      const by = (kernel: (typeof kernels)[number]) =>
        onThreads(1, { run: () => withBitGemm(kernel, () => bits.run()) });
      return {
        bits: onThreads(1, bits),
        popcnt64: by('popcnt64'),
        swizzle: by('swizzle'),
        cnt: by('cnt'),
        'packing x': onThreads(
          1,
          making(() => bitMatmul(packBits(x), bitsWeight)),
        ),
        floats: onThreads(
          1,
          making(() => matmul(x, weight, { transposeB: true })),
        ),
        limit: onThreads(1, countingBits(m * n * k)),
        'two threads': onThreads(2, bits),
      };
    },
  })),
  ratios: [
    { name: 'vs popcnt64', fast: 'bits', slow: 'popcnt64', target: 1.15 },
    { name: 'of the limit', fast: 'bits', slow: 'limit', target: 0.85 },
    { name: 'vs floats', fast: 'bits', slow: 'floats', target: 7 },
    { name: 'vs floats, packing x', fast: 'packing x', slow: 'floats' },
    { name: '2 threads vs 1', fast: 'two threads', slow: 'bits', target: 1.8 },
  ],
};

/** Convolutions of MoBiNet at 224×224: filters [outputs, kernel, kernel, channels / groups]. */
const layers = [
  { size: 112, channels: 64, outputs: 64, kernel: 3, groupSize: 8 },
  { size: 28, channels: 256, outputs: 256, kernel: 3, groupSize: 8 },
  { size: 14, channels: 512, outputs: 512, kernel: 3, groupSize: 8 },
  { size: 14, channels: 512, outputs: 512, kernel: 3, groupSize: 1 },
  { size: 14, channels: 512, outputs: 512, kernel: 1, groupSize: 512 },
] as const;

export const bitConvolutions: Section<'bits' | 'packing x' | 'floats'> = {
  title: 'bit convolution',
  note: '"bits" starts from a packed x, "packing x" includes packing it.',
  benchmarks: layers.map(({ size, channels, outputs, kernel, groupSize }) => ({
    name: `${kernel}×${kernel}${groupSize < channels ? `, groups of ${groupSize}` : ''}, ${size}×${size}×${channels}`,
    multiplyAdds: size * size * outputs * kernel * kernel * groupSize,
    contenders() {
      const rng = Rng.fromSeed(1);
      const bitsX = packBits(rng.normal([1, size, size, channels]));
      const bitsFilter = packBits(rng.normal([outputs, kernel, kernel, groupSize]));
      const [x, filter] = [unpackBits(bitsX), unpackBits(bitsFilter)];
      // Padding with zeros, so that both compute the same.
      const options = { padding: 'same', groups: channels / groupSize } as const;
      const convolve = (bits: typeof bitsX) => bitConv2d(bits, bitsFilter, { ...options, paddingValue: 'zero' });
      return {
        bits: making(() => convolve(bitsX)),
        'packing x': making(() => convolve(packBits(x))),
        floats: making(() => conv2d(x, filter, options)),
      };
    },
  })),
  ratios: [
    { name: 'vs floats', fast: 'bits', slow: 'floats' },
    { name: 'vs floats, packing x', fast: 'packing x', slow: 'floats' },
  ],
};
