import { checkList } from '@mobinet/tensor/functions';
import Table from 'cli-table3';
import { printable } from '../data/printable.js';
import type { NetworkSummary } from '../summary/summary.js';

/**
 * Formats a table without borders: the head, a rule, the rows. Columns of numbers are right-aligned. Control characters
 * are escaped.
 *
 * @param head The names of the columns.
 * @param rows As many cells each as there are columns.
 * @returns Lines, without a newline at the end.
 * @throws RangeError or TypeError, one line, unless each row is a list with a cell for each column.
 * @example
 * ```ts
 * import { formatTable } from 'mobinet/cli';
 *
 * console.log(formatTable(['class', 'images'], [['cat', 1000], ['dog', 20]]));
 * // → class  images
 * // → ─────  ──────
 * // → cat      1000
 * // → dog        20
 * ```
 */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  for (const list of [head, rows]) checkList('formatTable', list, "['class', 'images']");
  for (const [index, row] of rows.entries()) {
    checkList('formatTable', row, "['cat', 1000]");
    if (row.length === head.length) continue;
    throw new RangeError(`formatTable: row ${index} has ${row.length} cells, but there are ${head.length} columns`);
  }
  const [names, ...texts] = [head, ...rows].map((row) => Array.from(row, (cell) => printable(String(cell))));
  const columns = names.map((name, column) => [name, ...texts.map((row) => row[column])]);
  const rule = columns.map((cells) => '─'.repeat(Math.max(...cells.map((cell) => cell.length))));
  const table = new Table({
    colAligns: columns.map(([, ...cells]) => (cells.every((cell) => /^[\d.,%–-]/.test(cell)) ? 'right' : 'left')),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(names, rule, ...texts);
  return table.toString();
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  mid: '',
  'mid-mid': '',
  'left-mid': '',
  'right-mid': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  middle: '  ',
  right: '',
};

/** Formats a network's summary: a table of its layers, and totals. */
export function formatSummary({ layers, ...total }: NetworkSummary): string {
  const rows = layers.map((layer) => [
    layer.name,
    layer.kind,
    layer.inputShape.join('×'),
    layer.outputShape.join('×'),
    count(layer.binaryParameters),
    count(layer.floatParameters),
    millions(layer.binaryMultiplyAdds),
    millions(layer.floatMultiplyAdds),
    layer.savedBytes === null ? '–' : count(layer.savedBytes),
  ]);
  const head = ['layer', 'kind', 'input', 'output', 'bits', 'floats', 'binary M', 'float M', 'bytes'];
  return [
    formatTable(head, rows),
    `parameters   ${count(total.parameters)} (${count(total.binaryParameters)} binary, ${count(total.floatParameters)} float)`,
    `FLOPs        ${millions(total.flops)} M = ${millions(total.floatMultiplyAdds)} M float + ${millions(total.binaryMultiplyAdds)} M binary / 64`,
    total.savedBytes === null
      ? 'saved size   – (packed files do not support all of its ops)'
      : `saved size   ${count(total.savedBytes)} bytes`,
  ].join('\n');
}

const count = (value: number): string => value.toLocaleString('en-US');
const millions = (value: number): string => (value / 1e6).toFixed(2);
