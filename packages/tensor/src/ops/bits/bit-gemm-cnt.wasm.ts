import { i8x16, i32, repeat } from '../../wasm/assembler.js';
import { byLanes, type LaneCounter, tileRows } from './bit-gemm-lanes.wasm.js';

// Eight signs of a row of a against eight signs of 16 rows of b: xor and `i8x16.popcnt`. On ARM, the latter is one
// instruction (cnt), while `i64.popcnt` takes four. On x86, engines need about ten for it.

const cnt: LaneCounter = {
  instruction: 'cnt',
  signsPerByte: 8,
  vectorsPerStep: 1,
  maxSteps: Math.floor(255 / 8),
  scratchBytes: () => 0,

  begin() {
    let rowsOfTile: readonly ReturnType<typeof i32.variable>[] = [];
    const offset = i32.variable(undefined, 'offsetInRow');
    const left = i32.variable(undefined, 'left');
    const sums = Array.from({ length: tileRows }, (_, r) => i8x16.variable(undefined, `sum${r}`));
    return {
      compareWith(rows) {
        rowsOfTile = rows;
      },
      restart: () => offset.set(i32.const(0)),
      count(steps, laneAt) {
        for (const sum of sums) sum.set(i8x16.const(0));
        left.set(steps);
        repeat(left, () => {
          const signs = i8x16.variable(i8x16.load(laneAt), 'signs');
          rowsOfTile.forEach((row, r) => {
            sums[r].set(sums[r].add(i8x16.loadSplat(row.add(offset)).xor(signs).popcnt()));
          });
          offset.set(offset.add(1));
          laneAt.set(laneAt.add(16));
        });
        return sums;
      },
    };
  },
};

export const bitGemmByCnt = byLanes(cnt);
