import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hashOf } from '../data/fingerprint.js';
import { programBeside } from '../distributed/mpi.test.helper.js';
import { packedFile } from './files.js';
import { contentsOf } from './fixtures.test.helper.js';
import type { Job } from './on-ranks.test.helper.js';
import { checkpointFile } from './run-folder.js';

/** What a job has reported. */
export interface JobOutcome {
  readonly name: string;
  readonly finished: boolean;
  readonly skippedImages: number;
  /** Whether all ranks have the same weights in the end. */
  readonly same: boolean;
}

/** The arguments of Node for the program that does jobs, and saves each in a folder of its name in `out`. */
export const argumentsOf = (images: string, out: string, jobs: readonly Job[]): string[] => [
  programBeside(import.meta.url, 'on-ranks.test.helper.js'),
  images,
  out,
  ...jobs.map((job) => JSON.stringify(job)),
];

/** What the jobs of a program have reported, which rank 0 prints. */
export const outcomeOf = (stdout: string): JobOutcome[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Does jobs on a single process, without MPI. */
export function runAlone(args: readonly string[]): JobOutcome[] {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--conditions=mobinet-unbundled', ...args], {
    encoding: 'utf8',
  });
  expect({ stderr, status }).toEqual({ stderr: expect.any(String), status: 0 });
  return outcomeOf(stdout);
}

/** What a finished run has left: hashes of its checkpoint, except times, and of its packed network. */
export const resultOf = (out: string, { name }: Job) => ({
  checkpoint: hashOf([JSON.stringify(contentsOf(readFileSync(join(out, name, checkpointFile))))]),
  packed: hashOf([readFileSync(join(out, name, packedFile))]),
});
