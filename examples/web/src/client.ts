import type { CallName, Kernels, Question, Reply, Request, Result } from './protocol.js';

/** Calls the worker that runs the network. Calls return promises. */
export class Client {
  readonly #worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #calls = 0;
  #fault: Error | null = null;

  constructor(kernels: Kernels) {
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#settle(data);
    this.#worker.onerror = ({ message }) => this.#fail(message || 'its script cannot be loaded');
    this.#worker.postMessage({ kernels });
  }

  /** @throws Error of one line, with the worker's message. */
  call<K extends CallName>(call: K, request: Request<K>): Promise<Result<K>> {
    return new Promise((resolve, reject) => {
      if (this.#fault) return reject(this.#fault);
      const question: Question<K> = { id: this.#calls++, call, request };
      this.#waiting.set(question.id, { resolve: (result) => resolve(result as Result<K>), reject });
      this.#worker.postMessage(question);
    });
  }

  #settle(reply: Reply): void {
    const caller = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('error' in reply) caller?.reject(new Error(reply.error));
    else caller?.resolve(reply.result);
  }

  #fail(reason: string): void {
    this.#fault = new Error(`The worker that runs the network failed: ${reason}. Reload the page.`);
    for (const { reject } of this.#waiting.values()) reject(this.#fault);
    this.#waiting.clear();
  }
}
