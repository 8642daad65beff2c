import { type ChildProcessWithoutNullStreams, type SpawnOptionsWithoutStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { copyImages } from '../training/fixtures.test.helper.js';

const mobinet = fileURLToPath(new URL('../../bin/mobinet.js', import.meta.url));
const many = fileURLToPath(new URL('./many.test.helper.js', import.meta.url));

/** The flags of the smallest network, for images of 28 × 28 pixels. */
export const tiny = ['--preset', 'small', '--width', '0.0625', '--k', '1', '--batch', '8', '--workers', '1'];

/** The network of `tiny`, for commands without presets. */
export const tinyNetwork = ['--width', '0.0625', '--k', '1', '--size', '32', '--padding', 'zero'];

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly script?: string;
  /** Sends SIGINT as soon as stderr matches this. */
  readonly interruptAt?: RegExp;
}

/** Runs command lines as users do, with `folder` as the current folder, and `env` added to the environment. */
export function commandLineIn(folder: string, env: Readonly<Record<string, string>> = {}) {
  const options = { cwd: folder, env: { ...process.env, ...env } };

  function cli(args: readonly string[], { script = mobinet, interruptAt }: RunOptions = {}): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [script, ...args], options);
      let [stdout, stderr, isInterrupted] = ['', '', false];
      child.stdout.setEncoding('utf8').on('data', (text) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text) => {
        stderr += text;
        if (isInterrupted || !interruptAt?.test(stderr)) return;
        isInterrupted = true;
        child.kill('SIGINT');
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  let server: CommandServer | null = null;
  afterAll(() => server?.close());

  /**
   * Like `cli`, but runs all commands in one process, which is faster: for tests of what commands print and do, not of
   * how their process ends.
   */
  function ask(args: readonly string[]): Promise<Outcome> {
    server ??= new CommandServer(options);
    return server.run(args);
  }

  const askAll = (commands: readonly (readonly string[])[]): Promise<Outcome[]> => Promise.all(commands.map(ask));

  return { cli, ask, askAll };
}

/**
 * Trains the network of `tiny` for an epoch before the tests of a file.
 * @returns The paths of its images, its run, its packed model and its checkpoint, all in `folder`.
 */
export function tinyRunIn(folder: string, ask: (args: readonly string[]) => Promise<Outcome>) {
  const [data, run] = ['images', 'run'].map((name) => join(folder, name));
  beforeAll(async () => {
    copyImages(data);
    const { code, stderr } = await ask(['train', '--data', data, ...tiny, '--epochs', '1', '--out', run]);
    expect(code, stderr).toBe(0);
  });
  return {
    data,
    run,
    model: join(run, 'model.mobinet.safetensors'),
    checkpoint: join(run, 'checkpoint.safetensors'),
  };
}

/** A process that runs command lines one after the other. */
class CommandServer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #outputs = { stdout: '', stderr: '' };
  /** The pending calls. Commands run in the order of their calls. */
  readonly #waiting: { resolve: (outcome: Outcome) => void; reject: (error: Error) => void }[] = [];
  readonly #ended: Promise<void>;

  constructor(options: SpawnOptionsWithoutStdio) {
    this.#child = spawn(process.execPath, ['--conditions=mobinet-unbundled', many], options);
    for (const name of ['stdout', 'stderr'] as const) {
      this.#child[name].setEncoding('utf8').on('data', (text) => {
        this.#outputs[name] += text;
        this.#deliver();
      });
    }
    this.#ended = once(this.#child, 'close').then(([code]) => {
      const error = new Error(`The process of all commands ended, with code ${code}: ${this.#outputs.stderr}`);
      for (const { reject } of this.#waiting) reject(error);
    });
  }

  run(args: readonly string[]): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(args)}\n`);
    });
  }

  /** Resolves pending calls with their output: on both streams, everything before a zero byte and the exit code. */
  #deliver(): void {
    const ends = /^([^\0]*)\0(\d+)\n/;
    for (;;) {
      const [stdout, stderr] = [this.#outputs.stdout.match(ends), this.#outputs.stderr.match(ends)];
      if (!stdout || !stderr) return;
      this.#outputs.stdout = this.#outputs.stdout.slice(stdout[0].length);
      this.#outputs.stderr = this.#outputs.stderr.slice(stderr[0].length);
      this.#waiting.shift()?.resolve({ code: Number(stdout[2]), stdout: stdout[1], stderr: stderr[1] });
    }
  }

  /** Waits for the process, which ends by itself unless a command has left something open. */
  close(): Promise<void> {
    this.#child.stdin.end();
    return this.#ended;
  }
}
