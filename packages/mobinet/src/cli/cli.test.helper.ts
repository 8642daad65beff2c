import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const mobinet = fileURLToPath(new URL('../../bin/mobinet.js', import.meta.url));

/** Flags of the smallest network, for images of 28 pixels. */
export const tiny = ['--preset', 'small', '--width', '0.0625', '--k', '1', '--batch', '8', '--workers', '1'];

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly script?: string;
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Sends SIGINT as soon as stderr holds this. */
  readonly interruptAt?: RegExp;
}

/** Command lines as users run them, with `folder` as the current one. */
export function commandLineIn(folder: string) {
  function cli(
    args: readonly string[],
    { script = mobinet, env = {}, interruptAt }: RunOptions = {},
  ): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [script, ...args], { cwd: folder, env: { ...process.env, ...env } });
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

  /** Runs two at a time at most, in the order given. */
  async function all(commands: readonly (readonly string[])[], options?: RunOptions): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const queue = [...commands.entries()];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift()) outcomes[next[0]] = await cli(next[1], options);
    };
    await Promise.all([work(), work()]);
    return outcomes;
  }

  return { cli, all };
}
