/** The number of ones in a 32-bit word: clears the lowest 1 until none is left (Kernighan). */
export function countOnes(word: number): number {
  let ones = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) ones++;
  return ones;
}
