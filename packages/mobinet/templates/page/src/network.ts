import type { Answer, ModelInfo, Question } from './protocol.js';
import { WorkerLink } from './worker-link.js';

/** The network, which runs in a worker. */
export class Network {
  readonly #link = new WorkerLink<ModelInfo | Answer>(
    new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  );

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

  #ask(picture: Question['picture']): Promise<ModelInfo | Answer> {
    // Frames move to the worker instead of being copied.
    return this.#link.ask({ picture }, picture instanceof ImageBitmap ? [picture] : []);
  }
}
