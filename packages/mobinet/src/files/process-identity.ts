import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Identifies a process. Process IDs are reused, so the start time is included. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** Clock ticks from the boot of the machine to the start of the process; null without /proc. */
  readonly start: string | null;
}

/** The identity of this process. */
export const thisProcess = (): ProcessIdentity => ({
  host: hostname(),
  pid: process.pid,
  start: startOf(process.pid),
});

/** Whether a process is known to have ended. Nothing is known about processes on other machines. */
export function hasEnded({ host, pid, start }: ProcessIdentity): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Any other error means that the process exists, such as EPERM for a process of another user.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const found = statusOf(pid);
  if (start === null || found === null) return false;
  // A process that has ended stays in the list until its parent asks for its exit code, which some parents never do.
  return start !== found.start || found.isZombie;
}

const startOf = (pid: number): string | null => statusOf(pid)?.start ?? null;

function statusOf(pid: number): { start: string; isZombie: boolean } | null {
  try {
    // Field 2 is the program's name in parentheses, which may itself contain spaces and parentheses. Field 3 is the state,
    // field 20 the number of threads, and field 22 the start time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\)/s, '').trim().split(' ');
    return { start: fields[19], isZombie: fields[0] === 'Z' && Number(fields[17]) <= 1 };
  } catch {
    return null;
  }
}
