import { withTemporary } from '../../backends/cpu/heap.js';
import type { Argument, ParameterTypes } from '../../backends/cpu/kernel.js';
import type { BitTensor } from '../../bit-tensor.js';
import { type F32x4, f32x4, forRange, type I32, i32, transpose4x4, when } from '../../wasm/assembler.js';
import type { InputGradientTensors } from '../conv2d/input-gradient-tensors.js';
import { readAhead } from '../read-ahead.wasm.js';
import { type Epilogue, type EpilogueArguments, epilogueFamily } from './epilogue.wasm.js';
import {
  chunkRows,
  indexBytes,
  laneBytes,
  lanes,
  lookUpChunk,
  makeTable,
  packIndices,
  tableAt,
  tableBytes,
  tablePasses,
  tableRows,
  tables,
  tableVectors,
} from './lookup.wasm.js';
import {
  copyTail,
  partOf,
  partsOf,
  rowsBytes,
  scratchBytes,
  storeThroughEpilogue,
  storeTransposed,
} from './pointwise-lookup.wasm.js';

/** dX [pixels, channels] = (dY·scale)·F, through the epilogue. */
export function pointwiseInputGradient<P extends ParameterTypes>(
  { dy, filter, scale, dx }: InputGradientTensors<BitTensor>,
  epilogue: Epilogue<P>,
  args: EpilogueArguments<P>,
): void {
  const [filters, , , channels] = filter.shape;
  const pixels = dx.size / channels;
  const g = tableRows(channels);
  const blocks = Math.ceil(pixels / lanes);
  const { parts, partSize } = partsOf(blocks, channels);
  withTemporary(indexBytes(filters, channels, g), (indices) => {
    packIndices(filter, [filters, channels], g, indices);
    inputGradientKernel(epilogue, g, scale !== null).run(
      {
        dy,
        scale: scale ?? 0,
        dx,
        indices,
        pixels,
        filters,
        channels,
        parts,
        partSize,
        chunkBytes: indexBytes(1, channels, g),
        ...args,
      } as Record<keyof P | keyof typeof parameters, Argument>,
      blocks * parts,
      { grain: 1, scratch: scratchBytes(g, channels) + rowsBytes },
    );
  });
}

const parameters = {
  dy: i32,
  scale: i32,
  dx: i32,
  indices: i32,
  pixels: i32,
  filters: i32,
  channels: i32,
  parts: i32,
  partSize: i32,
  chunkBytes: i32,
};

const inputGradientKernel = epilogueFamily(parameters, (g: number, hasScale: boolean) => ({
  name: `bits_input_gradient_g${g}${hasScale ? '_scaled' : ''}`,
  body(p, from, to, scratch, epilogue) {
    const tail = i32.variable(scratch.add(tableBytes(g)), 'tail');
    const factorTail = i32.variable(tail.add(chunkRows(g) * laneBytes), 'factorTail');
    const rows = i32.variable(factorTail.add(4 * chunkRows(g)), 'rows');
    const sums = i32.variable(rows.add(rowsBytes), 'sums');
    forRange(from, to, 1, (item) => {
      const pixel = i32.variable(item.divU(p.parts).mul(lanes), 'pixel');
      const pixelsLeft = i32.variable(p.pixels.sub(pixel), 'pixelsLeft');
      const [channel, outputs] = partOf(item.remU(p.parts), p.partSize, p.channels);
      const indices = i32.variable(p.indices.add(channel.mul(8)), 'indices');
      const rowBytes = i32.variable(p.filters.mul(4), 'rowBytes');
      const source = i32.variable(p.dy.add(pixel.mul(rowBytes)), 'source');
      const factor = i32.variable(p.scale, 'factor');
      when(rowBytes.geS(longRow), () => {
        readAhead(source, pixelsLeft.minU(i32.const(lanes)).mul(rowBytes), scratch);
      });
      forRange(0, p.filters, chunkRows(g), (filter) => {
        const rowsLeft = i32.variable(p.filters.sub(filter), 'rowsLeft');
        when(rowsLeft.ltS(chunkRows(g)), () => {
          const block = { address: source, rowBytes, rows: pixelsLeft, columns: rowsLeft };
          copyTail(block, tail, [lanes, chunkRows(g)]);
          source.set(tail);
          rowBytes.set(i32.const(4 * chunkRows(g)));
          if (hasScale) {
            const factors = { address: factor, rowBytes: i32.const(0), rows: i32.const(1), columns: rowsLeft };
            copyTail(factors, factorTail, [1, chunkRows(g)]);
            factor.set(factorTail);
          }
        });
        for (const first of tablePasses(g)) {
          const columns = { address: source, rowBytes, pixelsLeft, factor: hasScale ? factor : null };
          makeTables(g, first, columns, scratch);
          const own = i32.variable(sums.add(16 * first), 'own');
          lookUpChunk(g, { tables: scratch, rowsLeft, indices, sums: own, outputs, adds: filter });
        }
        source.set(source.add(4 * chunkRows(g)));
        factor.set(factor.add(4 * chunkRows(g)));
        indices.set(indices.add(p.chunkBytes));
      });
      const target = { address: p.dx, columns: p.channels, row: pixel, column: channel, rowsLeft: pixelsLeft };
      if (epilogue) storeThroughEpilogue(sums, outputs, target, epilogue, rows);
      else storeTransposed(sums, outputs, target);
    });
  },
}));

/** Bytes of a row from which on processors do not foresee the next columns of 32 rows (measured on an AMD EPYC). */
const longRow = 1024;

/** A chunk of columns of dY [pixels, filters] in 32 rows. */
interface Columns {
  readonly address: I32;
  readonly rowBytes: I32;
  /** Rows to the end of dY. Rows past the last one repeat it. */
  readonly pixelsLeft: I32;
  /** The address of a factor for each column, or null. */
  readonly factor: I32 | null;
}

/**
 * Makes the tables of a chunk of columns, for the pass that starts with vector `first`. The lanes are rows, so squares
 * of four by four are transposed.
 */
function makeTables(g: number, first: number, { address, rowBytes, pixelsLeft, factor }: Columns, target: I32): void {
  const last = i32.variable(pixelsLeft.sub(1), 'last');
  const at = i32.variable(target, 'at');
  forRange(4 * first, i32.const(4 * (first + tableVectors(g))), 4, (lane) => {
    const rows = [0, 1, 2, 3].map((i) => i32.variable(address.add(lane.add(i).minU(last).mul(rowBytes)), `pixel${i}`));
    const fourColumns = (first: number): F32x4[] => {
      const square = rows.map((row) => {
        const value = f32x4.load(row, 4 * first);
        return f32x4.variable(factor ? value.mul(f32x4.load(factor, 4 * first)) : value);
      });
      return transpose4x4(square).map((column) => f32x4.variable(column));
    };
    const fifths = g === 5 ? [...fourColumns(4 * tables), ...fourColumns(4 * tables + 4)] : [];
    for (let table = 0; table < tables; table++) {
      makeTable([...fourColumns(4 * table), ...fifths.slice(table, table + 1)], at, tableAt(g, table, 0));
    }
    at.set(at.add(tableAt(g, 0, 1)));
  });
}
