import type { LibraryHandle } from 'koffi';
import { CommunicationError } from '../communication-error.js';
import type { ExchangeBuffer } from '../exchange-buffer.js';
import { type Handle, handlesOf } from './handles.js';

/** Memory that a function of MPI reads or writes: a typed array, an address, or null for none. */
export type Memory = ExchangeBuffer | BigInt64Array | bigint | null;

/** The parameters of functions. All of them return an error code. */
interface Parameters {
  readonly MPI_Init_thread: [argc: null, argv: null, required: number, provided: Int32Array];
  readonly MPI_Comm_set_errhandler: [world: Handle, handler: Handle];
  readonly MPI_Comm_rank: [world: Handle, rank: Int32Array];
  readonly MPI_Comm_size: [world: Handle, size: Int32Array];
  readonly MPI_Ibcast: [...Block, root: number, world: Handle, request: BigInt64Array];
  readonly MPI_Igather: [...Block, ...Block, root: number, world: Handle, request: BigInt64Array];
  readonly MPI_Iallgather: [...Block, ...Block, world: Handle, request: BigInt64Array];
  readonly MPI_Ialltoall: [...Block, ...Block, world: Handle, request: BigInt64Array];
  readonly MPI_Test: [request: BigInt64Array, isDone: Int32Array, status: Memory];
  readonly MPI_Ibarrier: [world: Handle, request: BigInt64Array];
  readonly MPI_Abort: [world: Handle, exitCode: number];
  readonly MPI_Finalize: [];
  readonly MPI_Get_library_version: [text: Uint8Array, length: Int32Array];
  readonly MPI_Error_string: [code: number, text: Uint8Array, length: Int32Array];
}

/** What is sent to each rank, or received from each: `count` elements of a type. */
export type Block = [buffer: Memory, count: number, type: Handle];

type Name = keyof Parameters;

/** The types of the parameters above in C, one letter each: a pointer, an integer, or a handle. */
const signatures: Readonly<Record<Name, string>> = {
  MPI_Init_thread: 'ppip',
  MPI_Comm_set_errhandler: 'hh',
  MPI_Comm_rank: 'hp',
  MPI_Comm_size: 'hp',
  MPI_Ibcast: 'pihihp',
  MPI_Igather: 'pihpihihp',
  MPI_Iallgather: 'pihpihhp',
  MPI_Ialltoall: 'pihpihhp',
  MPI_Test: 'ppp',
  MPI_Ibarrier: 'hp',
  MPI_Abort: 'hi',
  MPI_Finalize: '',
  MPI_Get_library_version: 'pp',
  MPI_Error_string: 'ipp',
};

/** The functions of an MPI library. Each throws a `CommunicationError` if it fails. */
export type MpiFunctions = { readonly [N in Name]: (...args: Parameters[N]) => void };

/**
 * Declares the functions of a library to koffi, which passes a typed array as the address of its memory.
 * @throws Error if one is missing.
 */
export function functionsOf(library: LibraryHandle): MpiFunctions {
  const types = { p: 'void *', i: 'int', h: handlesOf(library).type };
  const declared = (name: Name) =>
    library.func(
      name,
      'int',
      [...signatures[name]].map((letter) => types[letter as keyof typeof types]),
    );
  const errorString = declared('MPI_Error_string');
  const checked = (name: Name) => {
    const call = declared(name);
    return (...args: unknown[]): void => {
      const code: number = call(...args);
      if (code === 0) return;
      throw new CommunicationError(`${name} failed: ${readText((text, length) => errorString(code, text, length))}`);
    };
  };
  const names = Object.keys(signatures) as Name[];
  return Object.fromEntries(names.map((name) => [name, checked(name)])) as unknown as MpiFunctions;
}

/** The longest text of any library, in bytes: that of `MPI_Get_library_version` in MPICH. */
const longestText = 8192;

/** Returns the text that a function of MPI writes. */
export function readText(write: (text: Uint8Array, length: Int32Array) => void): string {
  const text = new Uint8Array(longestText);
  const length = new Int32Array(1);
  write(text, length);
  return new TextDecoder().decode(text.subarray(0, length[0])).replaceAll('\0', '');
}
