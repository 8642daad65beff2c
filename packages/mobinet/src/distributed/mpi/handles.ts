import type { LibraryHandle } from 'koffi';

/** A handle of MPI: an integer or a pointer, depending on the library. */
export type Handle = number | bigint;

/** The constants of mpi.h. Programs in C are compiled for those of one library; this one finds out at run time. */
export interface Handles {
  /** The C type of handles. */
  readonly type: 'void *' | 'int';
  /** `MPI_COMM_WORLD` */
  readonly world: Handle;
  /** `MPI_BYTE` */
  readonly byte: Handle;
  /** `MPI_ERRORS_RETURN` */
  readonly errorsReturn: Handle;
  /** `MPI_IN_PLACE` */
  readonly inPlace: bigint;
  /** `MPI_STATUS_IGNORE` */
  readonly ignoreStatus: bigint | null;
  /** `MPI_THREAD_FUNNELED`: only one thread calls MPI. */
  readonly threadFunneled: number;
}

/** Finds out which constants a library uses. */
export function handlesOf(library: LibraryHandle): Handles {
  if (hasStandardAbi(library)) return standardAbi;
  const world = addressOf(library, 'ompi_mpi_comm_world');
  if (world === null) return mpich;
  return {
    type: 'void *',
    world,
    byte: addressOf(library, 'ompi_mpi_byte')!,
    errorsReturn: addressOf(library, 'ompi_mpi_errors_return')!,
    inPlace: 1n,
    ignoreStatus: null,
    threadFunneled: 1,
  };
}

/** Those of MPICH, and of its relatives by the MPICH ABI Compatibility Initiative: Intel MPI, MVAPICH, Cray MPICH. */
const mpich: Handles = {
  type: 'int',
  world: 0x44000000,
  byte: 0x4c00010d,
  errorsReturn: 0x54000001,
  inPlace: -1n,
  ignoreStatus: 1n,
  threadFunneled: 1,
};

/** MPI: A Message-Passing Interface Standard, version 5.0, appendix A: the values of the standard ABI. */
const standardAbi: Handles = {
  type: 'void *',
  world: 0x101n,
  byte: 0x247n,
  errorsReturn: 0x143n,
  inPlace: 1n,
  ignoreStatus: null,
  threadFunneled: 1024,
};

/** The libraries of MPI 5 say so themselves. MPICH has two: `libmpi_abi` follows the standard, and `libmpi` says −1. */
function hasStandardAbi(library: LibraryHandle): boolean {
  if (addressOf(library, 'MPI_Abi_get_version') === null) return false;
  const version = [new Int32Array(1), new Int32Array(1)];
  library.func('MPI_Abi_get_version', 'int', ['void *', 'void *'])(...version);
  return version[0][0] >= 1;
}

function addressOf(library: LibraryHandle, symbol: string): bigint | null {
  try {
    return library.symbol(symbol);
  } catch {
    return null;
  }
}
