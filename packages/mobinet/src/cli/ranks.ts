import { readFile } from 'node:fs/promises';
import { availableParallelism, hostname } from 'node:os';
import { setThreads } from '@mobinet/tensor';
import { defaultWorkers } from '../data/loader.js';
import { openCommunicator } from '../distributed/open-communicator.js';
import { Team } from '../distributed/team.js';
import { availableMemory } from '../training/fit-memory.js';
import { opened } from './opened-communicator.js';

/** The processes that train together, and what each of them may use of its machine. */
export interface Ranks {
  readonly team: Team;
  /** Bytes that a training step may take on each process: the least of all. */
  readonly memory: number;
  /** The default number of decoding threads. */
  readonly workers: number;
}

/**
 * Connects this process with the others, if MPI has started it, and divides the processors and the memory of each
 * machine among the processes on it.
 *
 * @param threads The number of compute threads that the user has asked for.
 */
export async function openRanks({ threads }: { threads?: number | undefined }): Promise<Ranks> {
  const communicator = await openCommunicator();
  const team = new Team(communicator);
  if (team.size === 1) return { team, memory: availableMemory(), workers: defaultWorkers() };
  opened.communicator = communicator;
  const own = { host: hostname(), processors: await allowedProcessors(), count: availableParallelism() };
  const all = await team.all(() => own);
  const onMachine = all.filter(({ host }) => host === own.host);
  // Launchers may bind each process to processors of its own. Those that may use the same ones share them.
  const sharing = onMachine.filter(({ processors }) => processors === own.processors).length;
  const share = (count: number): number => Math.max(1, Math.floor(count / sharing));
  await setThreads(threads ?? share(own.count));
  const memory = await team.all(() => availableMemory(onMachine.length));
  return { team, memory: Math.min(...memory), workers: share(defaultWorkers()) };
}

/** Ends the communication after the last common work. What follows is work of the first process alone. */
export function closeRanks(): void {
  opened.communicator?.close();
  opened.communicator = null;
}

/** The processors that this process may run on, as text; empty where the system does not say. */
async function allowedProcessors(): Promise<string> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  return /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '';
}
