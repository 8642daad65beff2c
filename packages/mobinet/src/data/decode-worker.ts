import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import type { Wanted } from './decoder.js';
import { DataError, FileError, isOutOfMemory, messageOf } from './errors.js';
import { readImageFile } from './read-image-file.js';
import { resizeShorterSide, shorterSideTo } from './resize.js';
import type { Image } from './source.js';

/**
 * What a worker is asked: an image (a file's path, or its pixels), scaled so that its shorter side is `side`, or, with `exactSize`,
 * refused unless both are.
 */
export interface DecodeRequest {
  readonly id: number;
  readonly image: string | Image;
  /** What messages call it. */
  readonly name: string;
  readonly side: number;
  readonly exactSize: boolean;
  readonly pixelLimit: number;
}

/** A request that is no longer wanted. It is still answered: answers come in the order of requests. */
export interface CancelRequest {
  readonly cancel: number;
}

/** Why there is no image. */
export interface Unreadable {
  readonly problem: string;
  /** Whether its file could not be read. That may pass; what is wrong with the contents of a file will stay so. */
  readonly isFileError: boolean;
}

/** That the file was read and is being decoded now, what came of it, or why nothing more can be decoded. */
export type DecodeReply =
  | { readonly id: number; readonly isDecoding: true }
  | { readonly id: number; readonly result: Image | Unreadable }
  | { readonly id: number; readonly failure: string };

if (parentPort === null) throw new Error('decode-worker.js runs as a worker thread only');
const port = parentPort;
const cancelled = new Set<number>();
let turn: Promise<void> = Promise.resolve();

port.on('message', (message: DecodeRequest | CancelRequest) => {
  if ('cancel' in message) cancelled.add(message.cancel);
  else turn = turn.then(() => answer(message));
});

async function answer(request: DecodeRequest): Promise<void> {
  const { id } = request;
  // Scaling an image in memory never waits: without a turn of the event loop, no cancellation would be heard.
  await nextTurn();
  const reply = (result: Image | Unreadable, transfer: ArrayBufferLike[] = []): void =>
    port.postMessage({ id, result } satisfies DecodeReply, transfer as ArrayBuffer[]);
  if (cancelled.delete(id)) return reply({ problem: 'cancelled', isFileError: false });
  try {
    const image = await prepare(request);
    reply(image, [image.pixels.buffer]);
  } catch (error) {
    const problem = messageOf(error);
    // No decoder, or no memory, is no fault of the image.
    if (error instanceof DataError) fail(id, problem);
    else if (isOutOfMemory(error))
      fail(id, `there is too little memory to decode ${request.name}: ${problem}. Try fewer --workers`);
    else reply({ problem, isFileError: error instanceof FileError });
  }
}

const fail = (id: number, failure: string): void => port.postMessage({ id, failure } satisfies DecodeReply);

async function prepare({ id, image, side, exactSize, pixelLimit }: DecodeRequest): Promise<Image> {
  const wanted = { pixelLimit, side: exactSize ? undefined : side };
  const original = typeof image === 'string' ? await decodeFile(id, image, wanted) : image;
  if (exactSize && (original.height !== side || original.width !== side)) {
    throw new Error(
      `its ${original.width} × ${original.height} pixels are not the ${side} × ${side} that are asked for`,
    );
  }
  const [height, width] = shorterSideTo(side, original.height, original.width);
  if (height * width > pixelLimit)
    throw new Error(`scaled to ${width} × ${height} it has more than ${pixelLimit} pixels`);
  const scaled = resizeShorterSide(original, side);
  // Pixels of a decoder's own memory cannot be handed over.
  return scaled === original ? { ...original, pixels: original.pixels.slice() } : scaled;
}

async function decodeFile(id: number, path: string, wanted: Wanted): Promise<Image> {
  const bytes = readImageFile(path, wanted.pixelLimit);
  const { decodeImage } = await decoder();
  port.postMessage({ id, isDecoding: true } satisfies DecodeReply);
  return decodeImage(bytes, wanted);
}

/** The decoders are large, and images in memory need none: they are loaded when the first file comes. */
const decoder = (): Promise<typeof import('./decode.js')> => import('./decode.js');
