import type { Answer, ModelInfo, Question, Reply } from './protocol.js';

/** The network, which runs in a worker. */
export class Network {
  readonly #worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #questions = 0;
  #fault: Error | null = null;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#settle(data);
    this.#worker.onerror = ({ message }) => this.#fail(message || 'its script cannot be loaded');
  }

  /** Waits for the network to load. @throws Error of one line if it cannot be loaded. */
  load(): Promise<ModelInfo> {
    return this.#ask(null) as Promise<ModelInfo>;
  }

  /**
   * Classifies an image file or a frame of the camera, which is closed.
   * @throws Error of one line if the file is not an image.
   */
  classify(picture: Blob | ImageBitmap): Promise<Answer> {
    return this.#ask(picture) as Promise<Answer>;
  }

  #ask(picture: Question['picture']): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#fault) return reject(this.#fault);
      const question: Question = { id: this.#questions++, picture };
      this.#waiting.set(question.id, { resolve, reject });
      // Frames move to the worker instead of being copied.
      this.#worker.postMessage(question, picture instanceof ImageBitmap ? [picture] : []);
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
