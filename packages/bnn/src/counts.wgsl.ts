import type { Counts } from './counts.js';

/** What counts are to a kernel of a GPU. */
export type CountType = 'i32' | 'u32';

export function countType({ dtype }: Counts): CountType {
  return dtype === 'u8' ? 'u32' : 'i32';
}

/** WGSL for a count from how it is stored; the kernel must know `p.signs`. */
export function countOf(type: CountType, stored: string): string {
  return type === 'u32' ? `(i32(p.signs) - 2 * i32(${stored}))` : stored;
}

/** WGSL for the activation of a count, where `scale` and `slope` are those of its channel. */
export function activationOf(count: string): string {
  return `(f32(${count}) * scale * select(slope, 1.0, ${count} > 0))`;
}
