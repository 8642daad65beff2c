import { countWords } from '../bit-tensor.js';
import { bytesPerElement } from '../dtype.js';
import { sameShape, sizeOf } from '../shape.js';
import type { Program, Value } from './program.js';

/** The memory plan of a program: pieces of memory that values with disjoint lifetimes share. */
export interface Placement {
  /** The size of each piece in bytes. */
  readonly pieces: readonly number[];
  /** The piece of each value. Inputs, constants, results and views of them have none. */
  readonly pieceOf: ReadonlyMap<number, number>;
}

/** Memory for one value, or for several that share it: views, and results computed in place. */
interface Storage {
  readonly bytes: number;
  /** Its lifetime: from the call that first writes it to the one that last reads it. */
  readonly from: number;
  to: number;
}

/**
 * Plans the memory of all values between the inputs and the results.
 *
 * Values with disjoint lifetimes can share a piece. The largest values are placed first, each in the first piece that
 * is free during its lifetime, so that no piece has to grow ("greedy by size" of Pisarchyk and Lee, "Efficient memory
 * management for deep neural net inference", 2020). No order among values of equal size is always best, so the order of
 * the calls and its reverse are both tried.
 */
export function place(program: Program): Placement {
  const storages = storagesOf(program);
  const inOrder = [...new Set(storages.values())];
  const [forwards, backwards] = [inOrder, inOrder.toReversed()].map(placeBySize);
  const { pieces, pieceOf } = bytesIn(backwards.pieces) < bytesIn(forwards.pieces) ? backwards : forwards;
  return { pieces, pieceOf: new Map(Array.from(storages, ([value, storage]) => [value, pieceOf.get(storage)!])) };
}

/**
 * The total memory of a program's intermediate values, in bytes.
 *
 * @returns The size of the pieces of memory that values with disjoint lifetimes share, without constants and results.
 *
 * @example
 * ```ts
 * import { exp, relu, type Tensor } from '@mobinet/tensor';
 * import { disposeProgram, placedBytes, trace } from '@mobinet/tensor/kernels';
 *
 * const program = trace((x) => relu(exp(relu((x as Tensor).mul(2)))), [{ dtype: 'f32', shape: [1000] }]);
 * console.log(placedBytes(program)); // the intermediate values take turns in one piece of 4,000 bytes
 * // → 4000
 * disposeProgram(program);
 * ```
 */
export const placedBytes = (program: Program): number => bytesIn(place(program).pieces);

/** The total size of the pieces in bytes. */
export const bytesIn = (pieces: readonly number[]): number => pieces.reduce((sum, bytes) => sum + bytes, 0);

function placeBySize(storages: readonly Storage[]): { pieces: number[]; pieceOf: Map<Storage, number> } {
  const tenants: Storage[][] = [];
  const pieceOf = new Map<Storage, number>();
  for (const storage of storages.toSorted((a, b) => b.bytes - a.bytes)) {
    let piece = tenants.findIndex((all) => all.every(({ from, to }) => to < storage.from || storage.to < from));
    if (piece < 0) piece = tenants.push([]) - 1;
    tenants[piece].push(storage);
    pieceOf.set(storage, piece);
  }
  return { pieces: tenants.map(([largest]) => largest.bytes), pieceOf };
}

/** The storage of each value that needs one. */
function storagesOf({ values, calls, outputs }: Program): Map<number, Storage> {
  const lastRead = new Map<number, number>();
  for (const [at, { inputs }] of calls.entries()) for (const input of inputs) lastRead.set(input, at);
  const results = resultsOf({ calls, outputs });
  const storages = new Map<number, Storage>();
  for (const [at, call] of calls.entries()) {
    const [first] = call.inputs;
    const shared = first === undefined ? undefined : storages.get(first);
    for (const [index, output] of call.outputs.entries()) {
      if (results.has(output)) continue;
      const bytes = bytesOfValue(values[output]);
      const isShared =
        call.kind === 'view' ||
        (index === 0 && call.op.inPlace === true && shared?.to === at && haveSameSpec(values[first], values[output]));
      const to = lastRead.get(output) ?? at;
      if (!isShared) storages.set(output, { bytes, from: at, to });
      else if (shared) {
        shared.to = Math.max(shared.to, to);
        storages.set(output, shared);
      }
    }
  }
  return storages;
}

/**
 * The values that each run allocates, so that the next run cannot overwrite them: the results, the values that they are
 * views of, and further outputs of the same calls.
 */
export function resultsOf({ calls, outputs }: Pick<Program, 'calls' | 'outputs'>): ReadonlySet<number> {
  const results = new Set(outputs);
  for (const call of calls.toReversed()) {
    if (!call.outputs.some((output) => results.has(output))) continue;
    for (const value of call.kind === 'view' ? call.inputs : call.outputs) results.add(value);
  }
  return results;
}

const haveSameSpec = (a: Value, b: Value): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);

function bytesOfValue({ dtype, shape }: Value): number {
  return dtype === 'bits' ? 4 * countWords(shape) : sizeOf(shape) * bytesPerElement(dtype);
}
