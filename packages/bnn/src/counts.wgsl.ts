import type { Counts } from './counts.js';

/** How counts are stored. */
export type CountType = Counts['dtype'];

/** WGSL for the count of a stored value; the shader needs the parameter `p.signs`. */
export function countOf(type: CountType, stored: string): string {
  return type === 'u8' ? `(i32(p.signs) - 2 * i32(${stored}))` : stored;
}

/** WGSL for PReLU(α·count), where `alpha` and `slope` are those of its channel. */
export function activationOf(count: string): string {
  return `(f32(${count}) * alpha * select(slope, 1.0, ${count} > 0))`;
}
