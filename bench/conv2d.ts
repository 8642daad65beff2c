import { bitConv2d, conv2d, packBits, Rng, unpackBits } from '@mobinet/tensor';
import type { Comparison } from './comparison.js';

/** Convolutions of MobileNet and MoBiNet at 224×224: filters [outputs, kernel, kernel, channels / groups]. */
const layers = [
  { size: 14, channels: 512, outputs: 512, kernel: 1, groupSize: 512 },
  { size: 28, channels: 256, outputs: 256, kernel: 3, groupSize: 8 },
] as const;

export const conv2dComparisons: readonly (() => Comparison)[] = layers.map((layer) => () => {
  const { size, channels, outputs, kernel, groupSize } = layer;
  const rng = Rng.fromSeed(1);
  const bitsX = packBits(rng.normal([1, size, size, channels]));
  const bitsFilter = packBits(rng.normal([outputs, kernel, kernel, groupSize]));
  const x = unpackBits(bitsX);
  const filter = unpackBits(bitsFilter);
  // A border of zeros, so that both sides compute the same.
  const options = { padding: 'same', groups: channels / groupSize } as const;
  const grouped = options.groups > 1 ? `, groups of ${groupSize}` : '';
  return {
    op: `conv2d ${kernel}×${kernel}${grouped}`,
    shape: `${size}×${size}×${channels}`,
    multiplyAdds: size * size * outputs * kernel * kernel * groupSize,
    float: () => conv2d(x, filter, options),
    packed: () => bitConv2d(bitsX, bitsFilter, { ...options, paddingValue: 'zero' }),
    packedWithPacking: () => bitConv2d(packBits(x), bitsFilter, { ...options, paddingValue: 'zero' }),
  };
});
