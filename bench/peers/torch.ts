import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Contender } from '@mobinet/bench/interleave';

// PyTorch runs in a Python process, which reads requests line by line and does its own timing.

/** Debian's Python, for which python3-torch is installed. The first python3 in PATH may be another one. */
const python = '/usr/bin/python3';

export const torchFile = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** OpenBLAS has to be told to use AVX-512 if it does not recognize the processor's name. */
export const torchEnvironment = (threads: number): NodeJS.ProcessEnv => ({
  ...process.env,
  OPENBLAS_CORETYPE: 'SkylakeX',
  OPENBLAS_NUM_THREADS: String(threads),
  OMP_NUM_THREADS: String(threads),
});

/** A command that runs a Python script. With one thread, it is pinned to one processor. */
export function torchCommand(threads: number, script: string, args: readonly string[]): string[] {
  return [...pinned(threads), python, torchFile(script), ...args];
}

/** The prefix of a command that pins a single thread to one processor. */
export const pinned = (threads: number): string[] => (threads === 1 ? ['taskset', '-c', '0'] : []);

export interface TorchInfo {
  readonly version: string;
  /** The file names of the BLAS library. */
  readonly blas: string;
}

/** The installed PyTorch, or null. */
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
  readonly #replies: AsyncIterator<string>;

  constructor(threads: number) {
    const [command, ...args] = torchCommand(threads, 'torch_kernels.py', [String(threads)]);
    this.#child = spawn(command, args, { env: torchEnvironment(threads), stdio: ['pipe', 'pipe', 'inherit'] });
    this.#replies = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Work that PyTorch runs and times. */
  contender(request: Request): Contender {
    return {
      time: async (milliseconds) => {
        this.#child.stdin!.write(`${JSON.stringify({ ...request, seconds: milliseconds / 1000 })}\n`);
        const { value, done } = await this.#replies.next();
        if (done) throw new Error('the PyTorch process ended before it replied');
        return (JSON.parse(value) as { milliseconds: number }).milliseconds;
      },
    };
  }

  stop(): void {
    this.#child.kill();
  }
}
