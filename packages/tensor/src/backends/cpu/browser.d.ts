/** The part of the Web Worker API that is used here. TypeScript declares it only together with the whole DOM. */
declare class Worker {
  constructor(url: URL, options: { type: 'module' });
  onerror: ((event: { message?: string }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}
