/** Web Workers, as far as they are used here. TypeScript declares them only together with the whole DOM. */
declare class Worker {
  constructor(url: URL, options: { type: 'module' });
  onerror: ((event: { message?: string }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}
