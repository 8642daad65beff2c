import { WorkerLink } from '../../../packages/mobinet/templates/page/src/worker-link.js';
import type { CallName, Kernels, Request, Result } from './protocol.js';

/** Calls the worker that runs the network. Calls return promises. */
export class Client {
  readonly #link: WorkerLink<Result<CallName>>;

  constructor(kernels: Kernels) {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    this.#link = new WorkerLink(worker);
    worker.postMessage({ kernels });
  }

  /** @throws Error of one line, with the worker's message. */
  call<K extends CallName>(call: K, request: Request<K>): Promise<Result<K>> {
    return this.#link.ask({ call, request }) as Promise<Result<K>>;
  }
}
