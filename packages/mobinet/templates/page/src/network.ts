import type { Answer, ModelInfo, Task } from './protocol.js';
import { WorkerLink } from './worker-link.js';

/** The network, which runs in a worker. */
export class Network {
  readonly #link = new WorkerLink<ModelInfo | Answer>(
    new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  );

  readonly #info = this.#load();

  /** Waits for the network to load. @throws Error of one line if it cannot be loaded. */
  load(): Promise<ModelInfo> {
    return this.#info;
  }

  /**
   * Classifies an image file or a frame of the camera, which is closed.
   * @throws Error of one line if the file is not an image.
   */
  async classify(picture: Blob | ImageBitmap): Promise<Answer> {
    await this.#info;
    return this.#ask({ picture }, picture instanceof ImageBitmap ? [picture] : []) as Promise<Answer>;
  }

  async #load(): Promise<ModelInfo> {
    const model = await download(new URL('../model.mobinet.safetensors', import.meta.url));
    return this.#ask({ model }, [model.buffer]) as Promise<ModelInfo>;
  }

  /** Objects in `transfer` move to the worker instead of being copied. */
  #ask(task: Task, transfer: Transferable[]): Promise<ModelInfo | Answer> {
    return this.#link.ask(task, transfer);
  }
}

/**
 * Downloads a file. The page does so while the worker starts. It also must not be the worker: in one or two of a hundred
 * pages on a busy computer, a worker of Firefox 153 that starts threads and downloads waits forever.
 */
async function download(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url).catch((error) => {
    throw new Error(`${url} cannot be downloaded: ${error.message}`);
  });
  if (!response.ok) throw new Error(`${url} cannot be downloaded: the server replied ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
