// How elements of each dtype lie in the buffers of a GPU. WGSL has no types below 32 bits, so a word holds four elements
// of u8, or two of i16, the first in its lowest bits: the layout of a typed array. Kernels read single elements, but
// write whole words, because neighboring invocations must not write to one word.

/** The type of a buffer's elements: a type of WGSL, or a narrow dtype. */
export type ElementType = 'f32' | 'i32' | 'u32' | NarrowType | 'atomic<u32>';

/** The dtypes of which a word holds several elements. */
export type NarrowType = keyof typeof narrowTypes;

const narrowTypes = {
  u8: { perWord: 4, bits: 8, mask: '0xffu', value: 'u32', word: (word: string) => word },
  i16: { perWord: 2, bits: 16, mask: '0xffffu', value: 'i32', word: (word: string) => `bitcast<i32>(${word})` },
} as const;

export function isNarrow(type: ElementType): type is NarrowType {
  return type in narrowTypes;
}

/** The number of elements in a word. */
export function elementsPerWord(type: ElementType): 1 | 2 | 4 {
  return isNarrow(type) ? narrowTypes[type].perWord : 1;
}

/** The number of words that hold `count` elements. */
export function wordsOfElements(type: ElementType, count: number): number {
  return Math.ceil(count / elementsPerWord(type));
}

/** The type of a buffer in WGSL. */
export function storageType(type: ElementType): string {
  return isNarrow(type) ? 'u32' : type;
}

/** The type of an element in WGSL, once it has been read. */
export function valueType(type: ElementType): string {
  return isNarrow(type) ? narrowTypes[type].value : type;
}

/**
 * WGSL that reads an element of a buffer.
 *
 * @param buffer The name of the buffer.
 * @param type The type of the elements.
 * @param index A WGSL expression for the index of the element, a u32.
 *
 * @example
 * ```ts
 * import { elementAt } from '@mobinet/tensor/kernels';
 *
 * console.log(`${elementAt('x', 'f32', 'i')}, ${elementAt('counts', 'u8', 'i')}`);
 * // → x[i], countsAt(i)
 * ```
 */
export function elementAt(buffer: string, type: ElementType, index: string): string {
  return isNarrow(type) ? `${buffer}At(${index})` : `${buffer}[${index}]`;
}

/** WGSL of the function that `elementAt` calls. */
export function elementFunction(buffer: string, type: NarrowType): string {
  const { perWord, bits, value, word } = narrowTypes[type];
  const at = word(`${buffer}[i / ${perWord}u]`);
  return `fn ${buffer}At(i: u32) -> ${value} { return extractBits(${at}, ${bits}u * (i % ${perWord}u), ${bits}u); }`;
}

/** WGSL of a value as the bits of an element, shifted to the place of element `index` in its word. */
export function bitsInWord(type: ElementType, value: string, index: string): string {
  if (!isNarrow(type)) return value;
  const { perWord, bits, mask } = narrowTypes[type];
  return `((u32(${value}) & ${mask}) << (${bits}u * (${index} % ${perWord}u)))`;
}

/** WGSL of the bits of a word that element `index` takes. */
export function maskInWord(type: NarrowType, index: string): string {
  return bitsInWord(type, narrowTypes[type].mask, index);
}
