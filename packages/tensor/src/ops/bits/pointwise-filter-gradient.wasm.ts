import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import type { BitTensor } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';
import { f32x4, forRange, type I32, i32, repeat, when } from '../../wasm/assembler.js';
import {
  chunkRows,
  indexBytes,
  laneBytes,
  lanes,
  lookUpChunk,
  makeTable,
  packIndices,
  rowsOfTable,
  tableAt,
  tableBytes,
  tablePasses,
  tableRows,
  tables,
  tableVectors,
} from './lookup.wasm.js';
import { copyTail, partOf, partsOf, scratchBytes, storeTransposed } from './pointwise-lookup.wasm.js';

/** dF [filters, channels] = dYᵀ·X. */
export function pointwiseFilterGradient(dy: Tensor, x: BitTensor, df: Tensor): void {
  const [filters, , , channels] = df.shape;
  const pixels = x.size / channels;
  const g = tableRows(channels);
  const blocks = Math.ceil(filters / lanes);
  const { parts, partSize } = partsOf(blocks, channels);
  withTemporary(indexBytes(pixels, channels, g), (indices) => {
    packIndices(x, [pixels, channels], g, indices);
    filterGradientKernel(g).run(
      { dy, df, indices, pixels, filters, channels, parts, partSize, chunkBytes: indexBytes(1, channels, g) },
      blocks * parts,
      { grain: 1, scratch: scratchBytes(g, channels) },
    );
  });
}

const filterGradientKernel = memoize(
  (g: number) =>
    new Kernel(
      `bits_filter_gradient_g${g}__lookup`,
      {
        dy: i32,
        df: i32,
        indices: i32,
        pixels: i32,
        filters: i32,
        channels: i32,
        parts: i32,
        partSize: i32,
        chunkBytes: i32,
      },
      (p, from, to, scratch) => {
        const tail = i32.variable(scratch.add(tableBytes(g)), 'tail');
        const sums = i32.variable(tail.add(chunkRows(g) * laneBytes), 'sums');
        const rowBytes = i32.variable(p.filters.mul(4), 'rowBytes');
        forRange(from, to, 1, (item) => {
          const filter = i32.variable(item.divU(p.parts).mul(lanes), 'filter');
          const [channel, outputs] = partOf(item.remU(p.parts), p.partSize, p.channels);
          const source = i32.variable(p.dy.add(filter.mul(4)), 'source');
          const step = i32.variable(rowBytes, 'step');
          const indices = i32.variable(p.indices.add(channel.mul(8)), 'indices');
          forRange(0, p.pixels, chunkRows(g), (pixel) => {
            const rowsLeft = i32.variable(p.pixels.sub(pixel), 'rowsLeft');
            when(rowsLeft.ltS(chunkRows(g)), () => {
              const block = { address: source, rowBytes, rows: rowsLeft, columns: p.filters.sub(filter) };
              copyTail(block, tail, [chunkRows(g), lanes]);
              source.set(tail);
              step.set(i32.const(laneBytes));
            });
            for (const first of tablePasses(g)) {
              makeTables(g, source.add(16 * first), step, scratch);
              const own = i32.variable(sums.add(16 * first), 'own');
              lookUpChunk(g, { tables: scratch, rowsLeft, indices, sums: own, outputs, adds: pixel });
            }
            source.set(source.add(step.mul(chunkRows(g))));
            indices.set(indices.add(p.chunkBytes));
          });
          const rowsLeft = p.filters.sub(filter);
          const target = { address: p.df, columns: p.channels, row: filter, column: channel, rowsLeft };
          storeTransposed(sums, outputs, target);
        });
      },
    ),
);

/** Makes the tables of a chunk of rows, which lie `rowBytes` apart, for the lanes of one pass. */
function makeTables(g: number, first: I32, rowBytes: I32, target: I32): void {
  const at = i32.variable(target, 'at');
  const rows = rowsOfTable(g, 0).map((row) => i32.variable(first.add(rowBytes.mul(row)), `row${row}`));
  repeat(i32.variable(tables, 'tablesLeft'), () => {
    for (let v = 0; v < tableVectors(g); v++) {
      const f = rows.map((row) => f32x4.variable(f32x4.load(row, 16 * v)));
      makeTable(f, at, tableAt(g, 0, v));
    }
    rows.forEach((row, j) => {
      row.set(row.add(j < 4 ? rowBytes.mul(4) : rowBytes));
    });
    at.set(at.add(tableAt(g, 1, 0)));
  });
}
