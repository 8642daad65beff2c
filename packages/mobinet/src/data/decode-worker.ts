import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { DataError, FileError, isOutOfMemory, messageOf } from './errors.js';
import { readImageFile } from './read-image-file.js';
import { readImageUrl } from './read-image-url.js';
import { type ScalingOptions, scaleImage } from './scale-image.js';
import type { Image } from './source.js';

/** The path of an image file, its URL (a `URL` cannot be sent to a thread), or its bytes. */
type EncodedImage = string | { readonly url: string } | Uint8Array;

/** A request to a worker: decode an image, unless it is in memory already, and scale it. */
export interface DecodeRequest extends ScalingOptions {
  readonly id: number;
  readonly image: EncodedImage | Image;
  /** What messages call the image. */
  readonly name: string;
  /** Whether to decode a much larger image at a reduced size. */
  readonly reduce: boolean;
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
  | { readonly id: number; readonly isDecoding: true; readonly notice?: string | null }
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

async function prepare(request: DecodeRequest): Promise<Image> {
  const original = isPixels(request.image) ? request.image : await decodeFile(request, request.image);
  const scaled = scaleImage(original, request);
  // Pixels in a decoder's own memory cannot be transferred to another thread.
  return scaled === original ? { ...original, pixels: original.pixels.slice() } : scaled;
}

async function decodeFile(
  { id, side, exactSize, reduce, pixelLimit }: DecodeRequest,
  file: EncodedImage,
): Promise<Image> {
  const bytes = await bytesOf(file, pixelLimit);
  const { decodeImage, findDecoder } = await decoder();
  const { notice } = await findDecoder();
  port.postMessage({ id, isDecoding: true, notice } satisfies DecodeReply);
  return decodeImage(bytes, { pixelLimit, side: exactSize || !reduce ? undefined : side });
}

async function bytesOf(file: EncodedImage, pixelLimit: number): Promise<Buffer> {
  if (file instanceof Uint8Array) return Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  return typeof file === 'string' ? readImageFile(file, pixelLimit) : readImageUrl(file.url);
}

const isPixels = (image: EncodedImage | Image): image is Image => typeof image === 'object' && 'pixels' in image;

/** Decoders are large, and images in memory need none, so they are loaded with the first file. */
const decoder = (): Promise<typeof import('./decode.js')> => import('./decode.js');

// A worker that was started early. A decoder that cannot be loaded is reported with the first image.
if (workerData === 'load a decoder') decoder().then(({ findDecoder }) => findDecoder().catch(() => {}));
