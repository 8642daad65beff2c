import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Contender } from '@mobinet/bench/interleave';

// PyTorch times itself in a process of Python, which is told what to do line by line.

/** Debian's: python3-torch. A python3 that comes first in PATH may have none. */
const python = '/usr/bin/python3';

export const torchFile = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** OpenBLAS has to be told of AVX-512, where the processor's name does not say it. */
export const torchEnvironment = (threads: number): NodeJS.ProcessEnv => ({
  ...process.env,
  OPENBLAS_CORETYPE: 'SkylakeX',
  OPENBLAS_NUM_THREADS: String(threads),
  OMP_NUM_THREADS: String(threads),
});

/** A command that runs Python on so many threads: one is held on one processor. */
export function torchCommand(threads: number, script: string, args: readonly string[]): string[] {
  return [...pinned(threads), python, torchFile(script), ...args];
}

/** The words before a command that hold its only thread on one processor. */
export const pinned = (threads: number): string[] => (threads === 1 ? ['taskset', '-c', '0'] : []);

export interface TorchInfo {
  readonly version: string;
  /** The file of the library that multiplies matrices. */
  readonly blas: string;
}

/** What there is of PyTorch, or null. */
export function findTorch(): TorchInfo | null {
  try {
    const text = execFileSync(python, [torchFile('torch_info.py')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return JSON.parse(text) as TorchInfo;
  } catch {
    return null;
  }
}

type Request = Record<string, string | number>;

export class TorchServer {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(threads: number) {
    const [command, ...args] = torchCommand(threads, 'torch_kernels.py', [String(threads)]);
    this.#child = spawn(command, args, { env: torchEnvironment(threads), stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Work that PyTorch does and times. */
  contender(request: Request): Contender {
    return {
      time: async (milliseconds) => {
        this.#child.stdin!.write(`${JSON.stringify({ ...request, seconds: milliseconds / 1000 })}\n`);
        const { value, done } = await this.#answers.next();
        if (done) throw new Error('PyTorch ended before it had answered');
        return (JSON.parse(value) as { milliseconds: number }).milliseconds;
      },
    };
  }

  stop(): void {
    this.#child.kill();
  }
}
