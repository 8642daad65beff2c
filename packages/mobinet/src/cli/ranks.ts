import { readFile } from 'node:fs/promises';
import { availableParallelism, hostname } from 'node:os';
import { setThreads } from '@mobinet/tensor/functions';
import { kernelSetting, multiplyAddIsFused, usePortableKernels } from '@mobinet/tensor/kernels';
import { DataError } from '../data/errors.js';
import { defaultWorkers } from '../data/loader.js';
import { openCommunicator } from '../distributed/open-communicator.js';
import { Team } from '../distributed/team.js';
import { availableMemory } from '../training/fit-memory.js';
import { flagNamed } from './flags.js';
import { opened } from './opened-communicator.js';
import { say } from './output.js';

/** The processes that train together, and what each of them may use of its machine. */
export interface Ranks {
  readonly team: Team;
  /** Bytes that a training step may take on each process: the least of all. */
  readonly memory: number;
  /** The default number of decoding threads. */
  readonly workers: number;
}

/** Flags for what each machine has, which may differ between processes. */
const ownFlags = ['threads', 'workers', 'profile'];

/**
 * Connects this process with the others, if MPI has started it, and divides the processors and the memory of each
 * machine among the processes on it. They then compute the same bits on all machines.
 *
 * @param flags The flags of the command line, with the number of compute threads that the user has asked for.
 * @throws DataError if the processes have different flags.
 */
export async function openRanks(flags: { readonly threads?: number | undefined }): Promise<Ranks> {
  const communicator = await openCommunicator();
  const team = new Team(communicator);
  if (team.size === 1) return { team, memory: availableMemory(), workers: defaultWorkers() };
  opened.communicator = communicator;
  await checkFlags(flags, team);
  await agreeOnRounding(team);
  const own = { host: hostname(), processors: await allowedProcessors(), count: availableParallelism() };
  const all = await team.all(() => own);
  const onMachine = all.filter(({ host }) => host === own.host);
  // Launchers may bind each process to processors of its own. Those that may use the same ones share them.
  const sharing = onMachine.filter(({ processors }) => processors === own.processors).length;
  const share = (count: number): number => Math.max(1, Math.floor(count / sharing));
  await setThreads(flags.threads ?? share(own.count));
  const memory = await team.all(() => availableMemory(onMachine.length));
  return { team, memory: Math.min(...memory), workers: share(defaultWorkers()) };
}

async function checkFlags(flags: object, team: Team): Promise<void> {
  const [first, ...others] = await team.all(() => new Map(Object.entries(flags)));
  for (const [index, other] of others.entries()) {
    for (const name of new Set([...first.keys(), ...other.keys()])) {
      const [expected, found] = [first.get(name), other.get(name)].map((value) => JSON.stringify(value) ?? 'none');
      if (found === expected || ownFlags.includes(name)) continue;
      const difference = `rank ${index + 1} has another ${flagNamed(name)} than rank 0: ${found}, not ${expected}`;
      throw team.common(new DataError(`${difference}. Start all of them with the same options`));
    }
  }
}

/**
 * Lets all processes round multiply-adds twice if one of them has a processor or an engine that cannot round once.
 * Otherwise, they would compute different bits. Must come before any other kernel runs.
 */
async function agreeOnRounding(team: Team): Promise<void> {
  const all = await team.all(() => ({ tier: kernelSetting().tier, isFused: multiplyAddIsFused() }));
  // Definitions and fast kernels differ in more than that, which `train` reports.
  if (all.some(({ tier }) => tier === 'reference') || new Set(all.map(({ isFused }) => isFused)).size === 1) return;
  await team.all(() => {
    if (!kernelSetting().portable) usePortableKernels();
  });
  const rank = all.findIndex(({ isFused }) => !isFused);
  say(`rank ${rank} cannot round a multiply-add once, so none does (as with MOBINET_KERNELS=portable)`);
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
