import type { Question, Reply, Start } from './protocol.js';

// The network runs here, so that the page stays awake: kernels wait for each other, which a page's own thread must not.

const port = globalThis as unknown as {
  onmessage: (event: MessageEvent<Start | Question>) => void;
  postMessage(reply: Reply): void;
};

let loading: Promise<typeof import('./engine.js')>;

/** One call after the other: each may wait for a GPU, and none may see what another has half done. */
let last: Promise<void> = Promise.resolve();

port.onmessage = ({ data }) => {
  if ('kernels' in data) loading = load(data);
  else last = last.then(() => answer(data)).then((reply) => port.postMessage(reply));
};

/** The packages look for this switch when they are imported, so they are imported after it is set. */
function load({ kernels }: Start): typeof loading {
  if (kernels === 'reference') Object.assign(globalThis, { process: { env: { MOBINET_KERNELS: kernels } } });
  return import('./engine.js');
}

async function answer({ id, call, request }: Question): Promise<Reply> {
  try {
    const { engine } = await loading;
    // One name, one request: which they are, only the caller knows.
    return {
      id,
      result: await (engine[call] as (request: unknown) => Extract<Reply, { result: unknown }>['result'])(request),
    };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}
