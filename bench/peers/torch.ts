import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { debianEnvironment, environment, peersFolder, pinned, sourceFile } from './environment.js';
import type { Command, Program } from './process.js';

// PyTorch: version 2 from PyPI if `npm run bench:install-peers` has installed it, otherwise Debian's.

export interface Torch {
  readonly python: string;
  /** Its version, and the library that multiplies its matrices. */
  readonly version: string;
  /** Whether torch.compile works: PyTorch 2 with a C++ compiler. */
  readonly compiles: boolean;
  environment(threads: number): NodeJS.ProcessEnv;
}

/** What torch_info.py prints. */
interface Info {
  readonly version: string;
  /** The file names of the BLAS library, if it is not part of PyTorch. */
  readonly blas: string;
  readonly isOptimized: boolean;
  readonly compiles: boolean;
}

/** The installed PyTorch, or why there is none that a comparison with would be fair. */
export function findTorch(): Torch | string {
  const own = join(peersFolder, 'torch/bin/python');
  if (existsSync(own)) {
    const info = infoOf(own, environment(1));
    if (info) {
      return {
        python: own,
        version: info.version,
        compiles: info.compiles,
        environment: (threads) => ({
          ...environment(threads),
          TORCHINDUCTOR_CACHE_DIR: join(peersFolder, 'torch-compiled'),
          // Compiles without a pool of processes, which would stay.
          TORCHINDUCTOR_COMPILE_THREADS: '1',
        }),
      };
    }
  }
  // Debian's Python, for which python3-torch is installed. The first python3 in PATH may be another one.
  const debian = '/usr/bin/python3';
  const info = infoOf(debian, debianEnvironment(1));
  if (!info) return 'PyTorch is not installed (npm run bench:install-peers)';
  if (!info.isOptimized) {
    return (
      `PyTorch ${info.version} multiplies matrices with ${info.blas || 'no BLAS library'}, ten times slower than with ` +
      'OpenBLAS, so it is left out (apt install libopenblas0, or npm run bench:install-peers)'
    );
  }
  const version = `${info.version} with ${info.blas}`;
  return { python: debian, version, compiles: false, environment: debianEnvironment };
}

function infoOf(python: string, env: NodeJS.ProcessEnv): Info | null {
  try {
    const text = execFileSync(python, [sourceFile('torch_info.py')], {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return JSON.parse(text) as Info;
  } catch {
    return null;
  }
}

/** A command that runs a Python script. With one thread, it is pinned to one processor. */
export function torchCommand(torch: Torch, threads: number, script: string, args: readonly string[]): Command {
  return [...pinned(threads), torch.python, sourceFile(script), ...args];
}

/**
 * Keeps freed memory for the next tensor, where glibc by default returns large blocks to the system and has them filled
 * with zeros again: what PyTorch's tuning guide recommends other allocators for.
 */
const keepMemory = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 30),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 32),
  MALLOC_TOP_PAD_: String(2 ** 26),
};

/** A way to run a network in PyTorch. */
export interface Variant {
  readonly name: string;
  readonly args: readonly string[];
  readonly keepsMemory?: boolean;
}

const layouts = ['channels_last', 'contiguous'] as const;

/** Ways to run the float twin in float32. */
export function floatVariants({ compiles }: Torch): Variant[] {
  const eager = layouts.map((layout) => ({ name: `pytorch float ${layout}`, args: ['--layout', layout] }));
  const compiled = layouts.map((layout) => ({
    name: `pytorch float ${layout}, compiled`,
    args: ['--layout', layout, '--compile'],
  }));
  const kept = (compiles ? compiled : eager).map(({ name, args }) => ({
    name: `${name}, memory kept`,
    args,
    keepsMemory: true,
  }));
  return [...eager, ...(compiles ? compiled : []), ...kept];
}

/** A program that runs a script in one variant. */
export function torchProgram(
  torch: Torch,
  threads: number,
  script: string,
  { args, keepsMemory }: Pick<Variant, 'args' | 'keepsMemory'>,
): Program {
  return {
    command: torchCommand(torch, threads, script, [...args, '--threads', String(threads)]),
    env: { ...torch.environment(threads), ...(keepsMemory && keepMemory) },
  };
}

/** Comparisons of training or inference with the fastest float32 variant, as it is by default and at its best. */
export function torchComparisons(names: readonly string[], target: number) {
  const torch = names.filter((name) => name.startsWith('pytorch') && !name.includes('bfloat16'));
  return [
    { name: 'vs pytorch', slow: torch.filter((name) => !name.includes('memory kept')), target },
    { name: 'vs pytorch, memory kept', slow: torch.filter((name) => name.includes('memory kept')), target },
  ];
}
