import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { describeWithMpi, type InstalledMpi, type Ranks } from '../distributed/mpi.test.helper.js';
import { decodeCheckpoint } from '../training/checkpoint.js';
import { contentsOf, copyImages, free, sharedFolder } from '../training/fixtures.test.helper.js';

// `mobinet train` on several processes, when something goes wrong. What `mpirun` itself prints is not tested.

const mobinet = fileURLToPath(new URL('../../bin/mobinet.js', import.meta.url));
const folder = sharedFolder();
const data = copyImages(join(folder, 'images'));
const network = ['--preset', 'small', '--width', '0.0625', '--k', '1', '--batch', '8'];
const training = ['train', '--data', data, ...network, '--workers', '1', '--threads', '1', '--device', 'cpu', '--json'];
/** Effectively trains forever. */
const endless = [...training, '--epochs', '100000'];

/** Code that runs on one rank before the command line. */
interface Before {
  readonly rank: number;
  readonly code: string;
}

/** The arguments of Node for a command line. */
function nodeArguments(args: readonly string[], before?: Before): string[] {
  if (!before) return [mobinet, ...args];
  const code = `
    import { isMainThread } from 'node:worker_threads';
    const rank = Number(process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK);
    if (isMainThread && rank === ${before.rank}) { ${before.code} }`;
  return [`--import=data:text/javascript,${encodeURIComponent(code)}`, mobinet, ...args];
}

const newFolder = (): string => join(mkdtempSync(join(folder, 'run-')), 'run');

/** The errors that the ranks have reported, in any order. */
const errorsIn = (stderr: string): string[] => stderr.split('\n').filter((line) => line.includes('error: '));

function progressIn(out: string): { step: number; epoch: number } {
  const run = decodeCheckpoint(readFileSync(join(out, 'checkpoint.safetensors')));
  free(run);
  return { step: run.optimizer.step, epoch: run.progress.epoch };
}

/** Starts a command line, and calls `then` once, with the process ids of the ranks, when stderr matches `text`. */
async function startAnd(mpi: InstalledMpi, ranks: Ranks, text: RegExp, then: (pids: readonly number[]) => void) {
  const print = `process.stderr.write('rank ' + (process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK) + ' is ' + process.pid + '\\n')`;
  const code = `import { isMainThread } from 'node:worker_threads'; if (isMainThread) ${print};`;
  const args = [`--import=data:text/javascript,${encodeURIComponent(code)}`, ...ranks.args];
  const { mpirun, ended } = mpi.start({ ...ranks, args });
  let [stderr, isDone] = ['', false];
  let pids: number[] = [];
  mpirun.stderr!.on('data', (piece) => {
    stderr += piece;
    if (isDone || !text.test(stderr)) return;
    isDone = true;
    pids = [...stderr.matchAll(/^rank (\d) is (\d+)$/gm)].sort().map(([, , pid]) => Number(pid));
    then(pids);
  });
  const outcome = await ended;
  // Open MPI does not wait for the processes that it kills.
  while (pids.some(isAlive)) await new Promise((next) => setTimeout(next, 50));
  return outcome;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Continues a run on one process for the rest of its epoch, or for one more. */
async function resume({ run }: InstalledMpi, out: string): Promise<void> {
  const { step, epoch } = progressIn(out);
  const args = nodeArguments(['train', '--resume', out, '--epochs', String(epoch + 1), '--threads', '1', '--json']);
  const { code, stderr } = await run({ ranks: 1, args });
  expect(code, stderr).toBe(0);
  expect(progressIn(out).epoch).toBe(epoch + 1);
  expect(progressIn(out).step).toBeGreaterThan(step);
}

describeWithMpi('training', (mpi) => {
  // What does not depend on the library is tested with one of them.
  const isFirst = mpi.name === 'Open MPI';
  const run = (args: readonly string[], options: { ranks?: number; before?: Before; env?: Ranks['env'] } = {}) =>
    mpi.run({
      ranks: options.ranks ?? 2,
      args: nodeArguments(args, options.before),
      ...(options.env && { env: options.env }),
    });

  const mistakes: [string, string[], { ranks?: number; env?: Record<string, string> }, RegExp][] = [
    ['a flag', [...training, '--lr', 'x'], {}, /^error: option '--lr <rate>' argument 'x' is invalid\. .*$/],
    ['the kernels', training, { env: { MOBINET_KERNELS: 'slow' } }, /^error: MOBINET_KERNELS=slow: "slow" is unknown/],
    ['a folder', ['train', '--data', 'missing'], {}, /^error: there is no folder .*missing\. /],
    ['the number of ranks', training, { ranks: 3 }, /^error: the number of processes must be a power of two, not 3/],
    [
      'micro-batches',
      [...training, '--micro-batches', '1'],
      {},
      /^error: 2 processes cannot divide 1 micro-batches\. Use --micro-batches 2/,
    ],
  ];
  test.each(isFirst ? mistakes : mistakes.slice(0, 1))(
    'reports a mistake of all ranks once: %s',
    async (_, args, options, message) => {
      const out = newFolder();
      const { code, stdout, stderr } = await run([...args, '--out', out], options);
      expect({ code, stdout, errors: errorsIn(stderr) }).toEqual({
        code: 1,
        stdout: '',
        errors: [expect.stringMatching(message)],
      });
      expect(readdirSync(join(out, '..'))).toEqual([]);
    },
  );

  const ownMistakes: [string, string, RegExp][] = [
    ['before MPI', `process.env.MOBINET_KERNELS = 'slow'`, /^error: rank 1: MOBINET_KERNELS=slow: /],
    [
      'in its flags',
      `process.argv.push('--lr', 'x')`,
      /^error: rank 1: option '--lr <rate>' argument 'x' is invalid\./,
    ],
    [
      'with other flags',
      `process.argv.push('--lr', '0.5')`,
      /^error: rank 1 has another --lr than rank 0: 0\.5, not none\. Start all of them with the same options$/,
    ],
    [
      'with another decoder',
      `process.env.MOBINET_DECODER = 'get-pixels'`,
      /^error: rank 1 has another image decoder than rank 0: get-pixels \S+, not sharp .* or set MOBINET_DECODER=get-pixels$/,
    ],
  ];
  // The first two happen before MPI starts, which launchers treat in different ways.
  test.each(isFirst ? ownMistakes : ownMistakes.slice(0, 2))(
    'reports a mistake of one rank with its number, and ends: %s',
    async (_, code, message) => {
      const out = newFolder();
      const outcome = await run([...training, '--out', out], { before: { rank: 1, code } });
      expect(outcome.code).toBe(1);
      expect(errorsIn(outcome.stderr)).toEqual([expect.stringMatching(message)]);
      expect(readdirSync(join(out, '..'))).toEqual([]);
    },
  );

  test.runIf(isFirst)('lets all round twice if one of them cannot round a multiply-add once', async () => {
    const [mixed, alone] = [newFolder(), newFolder()];
    const flags = [...training, '--epochs', '1', '--micro-batches', '2', '--tensorboard'];
    const before = { rank: 1, code: `process.env.MOBINET_KERNELS = 'portable'` };
    const [on2, on1] = await Promise.all([
      run([...flags, '--out', mixed], { before }),
      run([...flags, '--out', alone], { ranks: 1, env: { MOBINET_KERNELS: 'portable' } }),
    ]);
    expect([on1.code, on2.code]).toEqual([0, 0]);
    const [first, second] = [mixed, alone].map((out) => contentsOf(readFileSync(join(out, 'checkpoint.safetensors'))));
    expect(first).toEqual(second);
    // One object on stdout, and one file for TensorBoard, whatever the number of ranks.
    expect(JSON.parse(on2.stdout)).toMatchObject({ out: mixed, epoch: 1 });
    const files = readdirSync(alone).map((name) => name.replace(/\d+/g, 'n'));
    expect(
      readdirSync(mixed)
        .map((name) => name.replace(/\d+/g, 'n'))
        .sort(),
    ).toEqual(files.sort());
  });

  test('saves at an uncaught error of one rank, and reports it with the number', async () => {
    const out = newFolder();
    // As soon as the training can be interrupted.
    const code = `const timer = setInterval(() => {
      if (process.listenerCount('SIGTERM') === 0) return;
      clearInterval(timer);
      throw new Error('out of the blue');
    }, 10);`;
    const outcome = await run([...endless, '--out', out], { before: { rank: 1, code } });
    expect(outcome.code).toBe(1);
    expect(errorsIn(outcome.stderr)).toEqual(['error: rank 1: out of the blue']);
  });

  test('ends when a rank is killed, and one process resumes from the last checkpoint', async () => {
    const out = newFolder();
    const ranks = { ranks: 2, args: nodeArguments([...endless, '--out', out]) };
    const outcome = await startAnd(mpi, ranks, /^epoch 2:/m, ([, second]) => process.kill(second, 'SIGKILL'));
    expect(outcome.code).not.toBe(0);
    expect(progressIn(out).epoch).toBeGreaterThanOrEqual(2);
    await resume(mpi, out);
  });

  test('saves once at SIGTERM, which may arrive twice, and one process resumes', async () => {
    const out = newFolder();
    const ranks = { ranks: 2, args: nodeArguments([...endless, '--out', out]) };
    const outcome = await startAnd(mpi, ranks, /^epoch 1:/m, (pids) => {
      for (const pid of [...pids, ...pids]) process.kill(pid, 'SIGTERM');
    });
    expect(outcome.code).toBe(143);
    expect(outcome.stderr.match(/^stopping after this step …$/gm)).toHaveLength(1);
    expect(outcome.stderr.match(/^stopped and saved\. Continue with --resume .*run$/gm)).toHaveLength(1);
    await resume(mpi, out);
  });

  test.runIf(isFirst)('gives a teacher and its student the bits of a single process', async () => {
    const outs = [newFolder(), newFolder()];
    const flags = [...training, '--epochs', '1', '--micro-batches', '2', '--teacher', 'auto'];
    for (const [index, out] of outs.entries()) {
      const { code, stderr } = await run([...flags, '--out', out], { ranks: index + 1 });
      expect(code, stderr).toBe(0);
    }
    for (const file of ['model.mobinet.safetensors', 'teacher/model.mobinet.safetensors']) {
      const [alone, both] = outs.map((out) => readFileSync(join(out, file)));
      expect(both.equals(alone)).toBe(true);
    }
  });
});

/** A disk with space for one checkpoint, if this user may mount one. */
const disk = join(folder, 'disk');
mkdirSync(disk);
const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status === 0;
afterAll(() => {
  if (isMounted) execFileSync('umount', [disk]);
});

describe.skipIf(!isMounted)('a disk that fills up', () => {
  describeWithMpi('ends the training of all ranks, and leaves the last checkpoint', (mpi) => {
    test('in one line', async () => {
      const out = mkdtempSync(join(disk, 'run-'));
      const { code, stderr } = await mpi.run({ ranks: 2, args: nodeArguments([...endless, '--out', out]) });
      expect(code).toBe(1);
      expect(errorsIn(stderr)).toEqual([
        expect.stringMatching(
          /^error: no space left for .*checkpoint\.safetensors: .*\. Lost 3 steps since the last checkpoint$/,
        ),
      ]);
      expect(progressIn(out)).toEqual({ step: 3, epoch: 1 });
      execFileSync('rm', ['-r', out]);
    });
  });
});
