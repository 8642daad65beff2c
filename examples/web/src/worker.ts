import type { Question, Reply, Start } from './protocol.js';

// The network runs in this worker, so that the page stays responsive: threads wait for each other, and the main thread
// of a page must not block.

const port = globalThis as unknown as {
  onmessage: (event: MessageEvent<Start | Question>) => void;
  postMessage(reply: Reply): void;
};

let loading: Promise<typeof import('./engine.js')>;

/** Calls run one after the other: each may wait for a GPU, and none may see the intermediate state of another. */
let last: Promise<void> = Promise.resolve();

port.onmessage = ({ data }) => {
  if ('kernels' in data) loading = load(data);
  else last = last.then(() => handle(data)).then((reply) => port.postMessage(reply));
};

/** The packages read MOBINET_KERNELS when they are imported, so they are imported after it is set. */
function load({ kernels }: Start): typeof loading {
  if (kernels === 'reference') Object.assign(globalThis, { process: { env: { MOBINET_KERNELS: kernels } } });
  return import('./engine.js');
}

async function handle({ id, call, request }: Question): Promise<Reply> {
  try {
    const { engine } = await loading;
    // The types of the call and its request match, but only the caller knows them.
    return {
      id,
      result: await (engine[call] as (request: unknown) => Extract<Reply, { result: unknown }>['result'])(request),
    };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}
