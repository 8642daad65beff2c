import type { Counts } from './counts.js';

/** The WGSL type of stored counts. */
export type CountType = 'i32' | 'u32';

export function countType({ dtype }: Counts): CountType {
  return dtype === 'u8' ? 'u32' : 'i32';
}

/** WGSL for the count of a stored value; the shader needs the parameter `p.signs`. */
export function countOf(type: CountType, stored: string): string {
  return type === 'u32' ? `(i32(p.signs) - 2 * i32(${stored}))` : stored;
}

/** WGSL for PReLU(α·count), where `alpha` and `slope` are those of its channel. */
export function activationOf(count: string): string {
  return `(f32(${count}) * alpha * select(slope, 1.0, ${count} > 0))`;
}
