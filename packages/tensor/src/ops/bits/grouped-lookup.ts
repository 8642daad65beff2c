import type { Shape } from '../../shape.js';
import type { Slide } from '../window.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';

// Gradients of a grouped convolution of signs by lookup tables (lookup.wasm.ts has the idea), for groups of 4, 8, … channels.
// A group has so few channels that a table must serve all taps of the window as well.

/** Entries of a table of four rows, in bytes of one vector each. */
export const tableBytes = 16 * 16;

/** Whether the kernels beside this file can do a convolution: small groups in fours, and a window that moves by one. */
export function hasGroupedLookup(filter: Shape, { groups, window, paddingValue }: BitConv2dAttributes): boolean {
  const [outChannels, , , channels] = filter;
  const isPlain = ({ stride, dilation, before, taps }: Slide): boolean =>
    stride === 1 && dilation === 1 && before <= 4 && taps <= 5;
  return (
    [4, 8, 16].includes(channels) &&
    outChannels === groups * channels &&
    paddingValue === 'one' &&
    isPlain(window.height) &&
    isPlain(window.width)
  );
}

/** Channels that a thread takes at a time, in whole groups: of a pixel, they are a cache line. */
export const setChannels = 16;
