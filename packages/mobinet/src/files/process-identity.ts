import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process something belongs to. Numbers of processes are given again, so the time of its start is part of it. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** Ticks from the machine's start to the process'; null where there is no /proc to tell. */
  readonly start: string | null;
}

/** This process. */
export const thisProcess = (): ProcessIdentity => ({
  host: hostname(),
  pid: process.pid,
  start: startOf(process.pid),
});

/** Whether a process is known to have ended. Nothing is known of those on other machines. */
export function hasEnded({ host, pid, start }: ProcessIdentity): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Any other error says that it is there, as a process of another user.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const found = startOf(pid);
  return start !== null && found !== null && start !== found;
}

function startOf(pid: number): string | null {
  try {
    // The second field is the program's name in parentheses, in which there may be spaces and parentheses; the start is the 22nd.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\)/s, '').trim().split(' ');
    return fields[19] ?? null;
  } catch {
    return null;
  }
}
