/** Solutions of the exercises of chapter 15. */
import type { BinaryLayer, Channel, TensorEntry } from './exercise.js';

export function packRow(row: readonly number[]): Uint32Array {
  const words = new Uint32Array(Math.ceil(row.length / 32));
  for (const [i, number] of row.entries()) if (number < 0) words[i >> 5] |= 1 << (i & 31);
  return words;
}

export function negativeRange({ alpha, scale, shift }: Channel, n: number): { from: number; to: number } {
  const { fround } = Math;
  const outputOf = (d: number): number => fround(fround(fround(alpha * (n - 2 * d)) * scale) + shift);
  const negative = Array.from({ length: n + 1 }, (_, d) => d).filter((d) => outputOf(d) < 0);
  return negative.length === 0 ? { from: 0, to: 0 } : { from: negative[0], to: negative[negative.length - 1] + 1 };
}

export function readEntries(file: Uint8Array): TensorEntry[] {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const start = 8 + length;
  const { __metadata__, ...tensors } = JSON.parse(new TextDecoder().decode(file.subarray(8, start)));
  return Object.entries<{ dtype: string; shape: number[]; data_offsets: [number, number] }>(tensors).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => ({
      name,
      dtype,
      shape,
      begin: start + begin,
      end: start + end,
    }),
  );
}

export function runLayers(layers: readonly BinaryLayer[], input: Uint32Array): Uint32Array {
  return layers.reduce((signs, { weights, ranges }) => {
    const outputs = weights.map((row, output) => {
      const differing = row.reduce((sum, word, at) => sum + countOnes(word ^ signs[at]), 0);
      const { from, to } = ranges[output];
      return differing >= from && differing < to ? -1 : 1;
    });
    return packRow(outputs);
  }, input);
}

function countOnes(word: number): number {
  let ones = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) ones++;
  return ones;
}
