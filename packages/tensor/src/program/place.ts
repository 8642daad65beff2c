import { bytesOf } from '../backend.js';
import type { BackendName } from '../backend-name.js';
import { countWords } from '../bit-tensor.js';
import { sameShape, sizeOf } from '../shape.js';
import type { Program, Value } from './program.js';

/** Where the values of a program lie: in pieces of memory that they take turns in. */
export interface Placement {
  /** Bytes of each piece. */
  readonly pieces: readonly number[];
  /** The piece of a value. Inputs, constants and results have none, nor have views of them. */
  readonly pieceOf: ReadonlyMap<number, number>;
}

/** Memory that one value needs, or several that share it: views, and what is calculated in place. */
interface Storage {
  readonly bytes: number;
  /** From the call that writes it first to the one that reads it last. */
  readonly from: number;
  to: number;
}

/**
 * Finds a place for every value between the inputs and the results.
 *
 * Values of which one is no longer read when the other is written can have one piece. The largest choose first, each the first piece that is
 * free as long as it lives (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020: "greedy by
 * size"), so that no piece has to grow. Which of equal ones should be first is a matter of luck: the order of the
 * calls is tried, and its reverse.
 */
export function place(program: Program, backend: BackendName): Placement {
  const storages = storagesOf(program, backend);
  const inOrder = [...new Set(storages.values())];
  const [forwards, backwards] = [inOrder, inOrder.toReversed()].map(dealOut);
  const { pieces, pieceOf } = bytesIn(backwards.pieces) < bytesIn(forwards.pieces) ? backwards : forwards;
  return { pieces, pieceOf: new Map(Array.from(storages, ([value, storage]) => [value, pieceOf.get(storage)!])) };
}

/** Bytes that the values of a program take together, on the CPU. */
export const placedBytes = (program: Program): number => bytesIn(place(program, 'cpu').pieces);

/** Bytes of all pieces. */
export const bytesIn = (pieces: readonly number[]): number => pieces.reduce((sum, bytes) => sum + bytes, 0);

function dealOut(storages: readonly Storage[]): { pieces: number[]; pieceOf: Map<Storage, number> } {
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
function storagesOf({ values, calls, outputs }: Program, backend: BackendName): Map<number, Storage> {
  const lastRead = new Map<number, number>();
  for (const [at, { inputs }] of calls.entries()) for (const input of inputs) lastRead.set(input, at);
  const results = resultsOf({ calls, outputs });
  const storages = new Map<number, Storage>();
  for (const [at, call] of calls.entries()) {
    const [first] = call.inputs;
    const shared = first === undefined ? undefined : storages.get(first);
    for (const [index, output] of call.outputs.entries()) {
      if (results.has(output)) continue;
      const bytes = bytesOfValue(values[output], backend);
      const isShared =
        call.kind === 'view' ||
        (index === 0 && call.op.inPlace === true && shared?.to === at && isAlike(values[first], values[output]));
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
 * What each run makes anew, so that the next one cannot change it: the results, what they are views of, and what the same calls make
 * beside them.
 */
export function resultsOf({ calls, outputs }: Pick<Program, 'calls' | 'outputs'>): ReadonlySet<number> {
  const results = new Set(outputs);
  for (const call of calls.toReversed()) {
    if (!call.outputs.some((output) => results.has(output))) continue;
    for (const value of call.kind === 'view' ? call.inputs : call.outputs) results.add(value);
  }
  return results;
}

const isAlike = (a: Value, b: Value): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);

function bytesOfValue({ dtype, shape }: Value, backend: BackendName): number {
  return dtype === 'bits' ? 4 * countWords(shape) : sizeOf(shape) * bytesOf(dtype, backend);
}
