import type { Result } from './comparison.js';

const columns: readonly { title: string; text(result: Result): string; alignLeft?: true }[] = [
  { title: 'op', text: ({ op }) => op, alignLeft: true },
  { title: 'shape', text: ({ shape }) => shape, alignLeft: true },
  { title: 'float ms', text: ({ floatMs }) => milliseconds(floatMs) },
  { title: 'packed ms', text: ({ packedMs }) => milliseconds(packedMs) },
  { title: 'speed-up', text: ({ speedup }) => times(speedup) },
  { title: 'with packing of x ms', text: ({ packedWithPackingMs }) => milliseconds(packedWithPackingMs) },
  { title: 'speed-up', text: ({ speedupWithPacking }) => times(speedupWithPacking) },
  { title: 'float GMAC/s', text: ({ floatGmacPerSecond }) => floatGmacPerSecond.toFixed(1) },
  { title: 'packed GMAC/s', text: ({ packedGmacPerSecond }) => packedGmacPerSecond.toFixed(1) },
];

/** The results as an aligned table, one row each. */
export function formatTable(results: readonly Result[]): string {
  const cells = columns.map(({ title, text }) => [title, ...results.map(text)]);
  const widths = cells.map((column) => Math.max(...column.map(({ length }) => length)));
  const line = (row: number): string =>
    cells
      .map((column, at) => (columns[at].alignLeft ? column[row].padEnd(widths[at]) : column[row].padStart(widths[at])))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(0), rule, ...results.map((_, row) => line(row + 1))].join('\n');
}

function milliseconds(value: number): string {
  return value.toPrecision(3);
}

function times(value: number): string {
  return `${value.toFixed(1)}×`;
}
