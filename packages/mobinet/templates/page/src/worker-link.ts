/** What a worker answers to a question of the same id. */
export type Answered<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: string };

/** Asks a worker questions, and matches its replies to them. */
export class WorkerLink<Result> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(result: Result): void; reject(error: Error): void }>();
  #questions = 0;
  #fault: Error | null = null;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Answered<Result>>) => this.#settle(data);
    worker.onerror = ({ message }) => this.#fail(message || 'its script cannot be loaded');
  }

  /**
   * Sends a question, with an id added to it.
   *
   * @param transfer Objects that move to the worker instead of being copied.
   * @throws Error of one line, with the worker's message.
   */
  ask(question: object, transfer: Transferable[] = []): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#fault) return reject(this.#fault);
      const id = this.#questions++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...question, id }, transfer);
    });
  }

  #settle(reply: Answered<Result>): void {
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
