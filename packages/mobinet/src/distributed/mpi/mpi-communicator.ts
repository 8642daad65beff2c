import { checkAllGather, checkAllToAll, checkGather, checkLength, type Ranks } from '../check-buffers.js';
import { CommunicationError } from '../communication-error.js';
import type { Communicator, PendingExchange } from '../communicator.js';
import type { ExchangeBuffer } from '../exchange-buffer.js';
import { type Launch, leaveLauncherToMpi } from '../launch.js';
import { type Block, type Memory, readText } from './functions.js';
import type { Handle } from './handles.js';
import { loadMpi, type Mpi } from './load-library.js';

/** The processes that a launcher of MPI started. All numbers travel as bytes, in the byte order of the machines. */
export class MpiCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
  readonly library: string;
  /** null after `close`. */
  #mpi: Mpi | null;
  readonly #ranks: Ranks;

  /**
   * Loads and initializes MPI.
   * @throws CommunicationError if that fails, or if MPI does not know of all processes that were launched.
   */
  static async open(launch: Launch): Promise<MpiCommunicator> {
    const mpi = await loadMpi(launch);
    const { functions, handles } = mpi;
    leaveLauncherToMpi();
    // The helper threads of kernels never call MPI.
    functions.MPI_Init_thread(null, null, handles.threadFunneled, new Int32Array(1));
    // By default, MPI would end all processes at an error, with lines of its own.
    functions.MPI_Comm_set_errhandler(handles.world, handles.errorsReturn);
    const communicator = new MpiCommunicator(mpi);
    communicator.#checkLaunch(launch, mpi.file);
    return communicator;
  }

  private constructor(mpi: Mpi) {
    const { functions, handles } = mpi;
    const integer = (read: (result: Int32Array) => void): number => {
      const result = new Int32Array(1);
      read(result);
      return result[0];
    };
    this.#mpi = mpi;
    this.rank = integer((rank) => functions.MPI_Comm_rank(handles.world, rank));
    this.size = integer((size) => functions.MPI_Comm_size(handles.world, size));
    this.library = nameIn(readText(functions.MPI_Get_library_version));
    this.#ranks = {
      rank: this.rank,
      size: this.size,
      // Arrays over memory that has grown in the meantime have different buffers, but the same addresses.
      distance: (a, b) => Number(mpi.addressOf(b) - mpi.addressOf(a)),
    };
  }

  broadcast(buffer: ExchangeBuffer): void {
    checkLength('broadcast', buffer.byteLength);
    this.#start([buffer], ({ functions, handles }, request) =>
      functions.MPI_Ibcast(buffer, buffer.byteLength, handles.byte, 0, handles.world, request),
    ).wait();
  }

  allGather<B extends ExchangeBuffer>(own: B, all: B): void {
    this.startAllGather(own, all).wait();
  }

  gather<B extends ExchangeBuffer>(own: B, all: B | null): void {
    checkGather(own, all, this.#ranks);
    this.#start(all ? [own, all] : [own], ({ functions, handles }, request) => {
      const [from, to] = [block(own, own.byteLength, handles.byte), block(all, own.byteLength, handles.byte)];
      functions.MPI_Igather(...from, ...to, 0, handles.world, request);
    }).wait();
  }

  allToAll<B extends ExchangeBuffer>(send: B, receive: B): void {
    this.startAllToAll(send, receive).wait();
  }

  startAllGather<B extends ExchangeBuffer>(own: B, all: B): PendingExchange {
    return this.#start([own, all], ({ functions, handles }, request) =>
      functions.MPI_Iallgather(...this.#allGathered(own, all), handles.world, request),
    );
  }

  startAllToAll<B extends ExchangeBuffer>(send: B, receive: B): PendingExchange {
    return this.#start([send, receive], ({ functions, handles }, request) =>
      functions.MPI_Ialltoall(...this.#allSent(send, receive), handles.world, request),
    );
  }

  barrier(): void {
    this.#start([], ({ functions, handles }, request) => functions.MPI_Ibarrier(handles.world, request)).wait();
  }

  abort(exitCode: number): never {
    this.#mpi?.functions.MPI_Abort(this.#mpi.handles.world, exitCode);
    process.exit(exitCode);
  }

  close(): void {
    this.#open().functions.MPI_Finalize();
    this.#mpi = null;
  }

  #start(buffers: readonly ExchangeBuffer[], start: (mpi: Mpi, request: BigInt64Array) => void): MpiExchange {
    const mpi = this.#open();
    const exchange = new MpiExchange(mpi, buffers);
    start(mpi, exchange.request);
    return exchange;
  }

  #open(): Mpi {
    if (this.#mpi) return this.#mpi;
    throw new CommunicationError('the communicator has been closed. Close it after the last exchange');
  }

  #allGathered(own: ExchangeBuffer, all: ExchangeBuffer): [...Block, ...Block] {
    const { byte, inPlace } = this.#open().handles;
    const from = checkAllGather(own, all, this.#ranks) ? inPlace : own;
    return [...block(from, own.byteLength, byte), ...block(all, own.byteLength, byte)];
  }

  #allSent(send: ExchangeBuffer, receive: ExchangeBuffer): [...Block, ...Block] {
    const { byte } = this.#open().handles;
    checkAllToAll(send, receive, this.#ranks);
    const bytes = send.byteLength / this.size;
    return [...block(send, bytes, byte), ...block(receive, bytes, byte)];
  }

  /** A library that does not understand the launcher takes each process for the only one. */
  #checkLaunch({ launcher, size }: Launch, file: string): void {
    if (size === null || size === this.size) return;
    this.close();
    const whose = launcher === 'PMI' ? 'an mpirun of MPICH, or srun,' : 'the mpirun of Open MPI';
    throw new CommunicationError(
      `${whose} started ${size} processes, but ${this.library} (${file}) sees ${this.size}, so they do not belong together. Use the mpirun of that library, or set MOBINET_MPI to the path of the other libmpi.so`,
    );
  }
}

const block = (buffer: Memory, bytes: number, byte: Handle): Block => [buffer, bytes, byte];

/** The first words of a library's description: `Open MPI v4.1.4`, or `MPICH 4.0.2`. */
const nameIn = (description: string): string =>
  description
    .split(/[,\n]/)[0]
    .replace(/\s+Version:\s+/i, ' ')
    .trim();

/** For so many milliseconds, a rank that waits does nothing else: other ranks are rarely later, and messages are on their way. */
const busyTime = 20;

/** Then it sleeps for so many milliseconds at a time. */
const nap = 0.1;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

class MpiExchange implements PendingExchange {
  /** The handle of the exchange, 4 or 8 bytes. */
  readonly request = new BigInt64Array(1);
  readonly #mpi: Mpi;
  /** Keeps the memory that MPI reads and writes from being collected. null when the exchange is done. */
  #buffers: readonly ExchangeBuffer[] | null;

  constructor(mpi: Mpi, buffers: readonly ExchangeBuffer[]) {
    this.#mpi = mpi;
    this.#buffers = buffers;
    // V8 may move the elements of a small array, until this is first read.
    for (const { buffer } of buffers) void buffer;
  }

  /**
   * Not with `MPI_Wait`, which keeps a processor busy for as long as it takes, such as for a checkpoint of rank 0. That
   * processor may have images to decode, or ranks of its own to run.
   */
  wait(): void {
    const start = performance.now();
    while (!this.poll()) {
      if (performance.now() - start > busyTime) Atomics.wait(sleeper, 0, 0, nap);
    }
  }

  poll(): boolean {
    if (!this.#buffers) return true;
    const isDone = new Int32Array(1);
    this.#mpi.functions.MPI_Test(this.request, isDone, this.#mpi.handles.ignoreStatus);
    if (isDone[0]) this.#buffers = null;
    return isDone[0] !== 0;
  }
}
