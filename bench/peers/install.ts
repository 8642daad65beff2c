import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { runProgram, say } from 'mobinet/cli';
import { peersFolder } from './environment.js';

/** Installs the peers that are large or not npm packages, in a folder that no other program uses. */

interface Peer {
  readonly contents: string;
  install(folder: string): void;
}

const peers = {
  torch: {
    contents: 'PyTorch 2 from PyPI, whose usual wheel comes with CUDA (5.4 GB)',
    install: (folder) => pipInstall(folder, ['torch==2.15.0', 'numpy']),
  },
  larq: {
    contents: 'Larq Compute Engine, and TensorFlow to convert models (1.5 GB; needs Python 3.10 to 3.12)',
    install: (folder) =>
      pipInstall(folder, ['larq-compute-engine==0.16.0', 'larq-zoo==2.4.0', 'tensorflow-cpu==2.15.1', 'setuptools<81']),
  },
  node: {
    contents: 'the Node of long-term support',
    install: () => run('npm', ['install', '--prefix', peersFolder, '--no-audit', '--no-fund', 'node@26']),
  },
} satisfies Record<string, Peer>;
const names = Object.keys(peers) as (keyof typeof peers)[];

const program = new Command('bench:install-peers')
  .description(
    `downloads and installs what bench:peers compares with, in ${peersFolder} (set MOBINET_PEERS to change it):\n` +
      names.map((name) => `${name}: ${peers[name].contents}`).join('\n'),
  )
  .addOption(new Option('--only <names...>', 'which of them').choices(names).default(names))
  .option('--python <command>', 'the Python to make virtual environments with', 'python3')
  .action(({ only }: { only: typeof names }) => {
    mkdirSync(peersFolder, { recursive: true });
    for (const name of only) {
      say(`${name}: ${peers[name].contents} …`);
      try {
        peers[name].install(join(peersFolder, name));
      } catch {
        say(`${name} could not be installed, so the benchmarks leave it out`);
        process.exitCode = 1;
      }
    }
  });

function pipInstall(folder: string, packages: readonly string[]): void {
  run(program.opts<{ python: string }>().python, ['-m', 'venv', folder]);
  run(join(folder, 'bin/python'), ['-m', 'pip', 'install', '--disable-pip-version-check', '--quiet', ...packages]);
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

await runProgram(program);
