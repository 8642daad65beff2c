import type { Shape } from '../../shape.js';
import type { Slide } from '../window.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';

// The gradients of a grouped convolution of signs by lookup tables (lookup.wasm.ts explains them), for groups of 4, 8
// or 16 channels. A group has so few channels that a table only pays off if it serves all taps of the window as well.

/** Bytes of a table of four rows: 2^4 entries of one vector each. */
export const tableBytes = 16 * 16;

/**
 * Whether the grouped lookup kernels apply: groups of 4, 8 or 16 channels and as many filters, padding by at most 4,
 * and windows of up to 5×5 taps without stride or dilation.
 */
export function hasGroupedLookup(filter: Shape, { groups, window }: BitConv2dAttributes): boolean {
  const [outChannels, , , channels] = filter;
  const isPlain = ({ stride, dilation, before, taps }: Slide): boolean =>
    stride === 1 && dilation === 1 && before <= 4 && taps <= 5;
  return (
    [4, 8, 16].includes(channels) &&
    outChannels === groups * channels &&
    isPlain(window.height) &&
    isPlain(window.width)
  );
}

/** Channels that a thread processes together, in whole groups. They are one cache line of a pixel. */
export const setChannels = 16;
