import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Contender } from '@mobinet/bench/interleave';
import type { Spread } from '@mobinet/bench/median';
import type { Program } from './process.js';

/** What a server replies: the times of its runs, in milliseconds, and the peak memory of its process so far. */
export interface Reply extends Spread {
  readonly mebibytes: number;
}

/**
 * A process that prepares work and then waits: it reads requests line by line, does its own timing, and replies with a
 * line for each. So many processes can take short turns without starting anew.
 */
export class Server {
  readonly #child: ChildProcess;
  readonly #replies: AsyncIterator<string>;
  readonly #name: string;
  /** The last reply. */
  last: Reply | null = null;

  private constructor(name: string, { command: [program, ...args], env }: Program) {
    this.#name = name;
    this.#child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.on('error', () => {});
    this.#replies = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Starts a server and waits until it is ready, which it says with its first line. */
  static async start(name: string, program: Program): Promise<Server> {
    const server = new Server(name, program);
    await server.#reply();
    return server;
  }

  /** Work that the server runs and times. */
  contender(request: Readonly<Record<string, string | number>> = {}): Contender {
    return {
      time: async (milliseconds) => {
        this.#child.stdin!.write(`${JSON.stringify({ ...request, seconds: milliseconds / 1000 })}\n`);
        this.last = JSON.parse(await this.#reply()) as Reply;
        return this.last;
      },
    };
  }

  stop(): void {
    this.#child.kill();
  }

  async #reply(): Promise<string> {
    const { value, done } = await this.#replies.next();
    if (done) throw new Error(`the process of ${this.#name} ended before it replied`);
    return value;
  }
}
