/** The integers from 0 up to, and not including, `length`. */
export const range = (length: number): number[] => Array.from({ length }, (_, index) => index);
