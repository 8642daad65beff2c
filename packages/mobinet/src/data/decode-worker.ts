import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import type { DecodeOptions } from './decoder.js';
import { DataError, FileError, isOutOfMemory, messageOf } from './errors.js';
import { readImageFile } from './read-image-file.js';
import { readImageUrl } from './read-image-url.js';
import { resizeShorterSide, shorterSideTo } from './resize.js';
import type { Image } from './source.js';

/**
 * A request to a worker: scale an image so that its shorter side is `side` or, with `exactSize`, refuse it unless both
 * sides are.
 */
export interface DecodeRequest {
  readonly id: number;
  /** The path of a file, a URL (a `URL` cannot be sent to a thread), or the image itself. */
  readonly image: string | { readonly url: string } | Image;
  /** What messages call the image. */
  readonly name: string;
  readonly side: number;
  readonly exactSize: boolean;
  readonly pixelLimit: number;
}

/** Cancels the request with this id. It still gets a reply, since replies come in the order of requests. */
export interface CancelRequest {
  readonly cancel: number;
}

/** Why there is no image. */
export interface Unreadable {
  readonly problem: string;
  /** Whether its file or URL could not be read. That may be temporary; bad contents of a file are permanent. */
  readonly isFileError: boolean;
}

/** A notice that a file or URL was read and is being decoded, a result, or why no more images can be decoded. */
export type DecodeReply =
  | { readonly id: number; readonly isDecoding: true }
  | { readonly id: number; readonly result: Image | Unreadable }
  | { readonly id: number; readonly failure: string };

if (parentPort === null) throw new Error('decode-worker.js runs as a worker thread only');
const port = parentPort;
const canceled = new Set<number>();
let turn: Promise<void> = Promise.resolve();

port.on('message', (message: DecodeRequest | CancelRequest) => {
  if ('cancel' in message) canceled.add(message.cancel);
  else turn = turn.then(() => handle(message));
});

async function handle(request: DecodeRequest): Promise<void> {
  const { id } = request;
  // Scaling an image in memory is synchronous, so cancellations arrive only if the event loop gets a turn.
  await nextTurn();
  const reply = (result: Image | Unreadable, transfer: ArrayBufferLike[] = []): void =>
    port.postMessage({ id, result } satisfies DecodeReply, transfer as ArrayBuffer[]);
  if (canceled.delete(id)) return reply({ problem: 'canceled', isFileError: false });
  try {
    const image = await prepare(request);
    reply(image, [image.pixels.buffer]);
  } catch (error) {
    const problem = messageOf(error);
    // A missing decoder or a lack of memory is not the image's fault.
    if (error instanceof DataError) fail(id, problem);
    else if (isOutOfMemory(error))
      fail(id, `not enough memory to decode ${request.name}: ${problem}. Try fewer --workers`);
    else reply({ problem, isFileError: error instanceof FileError });
  }
}

const fail = (id: number, failure: string): void => port.postMessage({ id, failure } satisfies DecodeReply);

async function prepare({ id, image, side, exactSize, pixelLimit }: DecodeRequest): Promise<Image> {
  const options = { pixelLimit, side: exactSize ? undefined : side };
  const isRead = typeof image === 'string' || 'url' in image;
  const original = isRead ? await decodeFile(id, image, options) : image;
  if (exactSize && (original.height !== side || original.width !== side)) {
    throw new Error(`it has ${original.width} × ${original.height} pixels, not the required ${side} × ${side}`);
  }
  const [height, width] = shorterSideTo(side, original.height, original.width);
  if (height * width > pixelLimit)
    throw new Error(`scaled to ${width} × ${height}, it would exceed the limit of ${pixelLimit} pixels`);
  const scaled = resizeShorterSide(original, side);
  // Pixels in a decoder's own memory cannot be transferred to another thread.
  return scaled === original ? { ...original, pixels: original.pixels.slice() } : scaled;
}

async function decodeFile(id: number, file: string | { readonly url: string }, options: DecodeOptions): Promise<Image> {
  const bytes = typeof file === 'string' ? readImageFile(file, options.pixelLimit) : await readImageUrl(file.url);
  const { decodeImage } = await decoder();
  port.postMessage({ id, isDecoding: true } satisfies DecodeReply);
  return decodeImage(bytes, options);
}

/** Decoders are large, and images in memory need none, so they are loaded with the first file. */
const decoder = (): Promise<typeof import('./decode.js')> => import('./decode.js');
