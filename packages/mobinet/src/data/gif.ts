import { countPixels } from './gif-codes.js';
import type { Image } from './source.js';

const extension = 0x21;
const imageDescriptor = 0x2c;
const trailer = 0x3b;

/** The first frame of a GIF, as a GIF of its own, and its position in the whole picture. */
export interface FirstFrame {
  readonly gif: Buffer;
  readonly left: number;
  readonly top: number;
  /** Height and width of the whole picture. A frame may be smaller, or extend beyond it. */
  readonly height: number;
  readonly width: number;
  readonly fillsPicture: boolean;
}

/**
 * Extracts the first frame of a GIF. A decoder that unpacks every frame of a long animation would need gigabytes for
 * pixels that are never used. Decoders also differ in how they fill parts of the picture that a frame leaves empty, so
 * that is done here (`placeFrame`).
 *
 * The format (GIF89a specification, W3C): a header of 13 bytes, an optional color table, then blocks. The blocks that
 * matter here end in sub-blocks, each preceded by its length; the last has length 0.
 *
 * @throws Error if there is no complete first frame.
 */
export function firstFrame(bytes: Buffer): FirstFrame {
  let at = 13 + colorTableBytes(bytes[10]);
  while (bytes[at] === extension) at = skipSubBlocks(bytes, at + 2);
  if (bytes[at] !== imageDescriptor || bytes.length < at + 11) throw new Error('it has no frame');
  const data = at + 10 + colorTableBytes(bytes[at + 9]);
  const end = skipSubBlocks(bytes, data + 1);
  // Colors have at most 8 bits. A larger initial code size sends decoders into endless loops.
  if (!(bytes[data] >= 1 && bytes[data] <= 8)) throw new Error(`it is a corrupt GIF (codes of ${bytes[data]} bits)`);
  const [frameWidth, frameHeight] = [5, 7].map((field) => bytes.readUInt16LE(at + field));
  const missing = frameWidth * frameHeight - countPixels(bytes, data);
  if (missing > 0) throw new Error(`it is a corrupt GIF (${missing} of its pixels are missing)`);
  const gif = Buffer.concat([bytes.subarray(0, end), Buffer.of(trailer)]);
  const [width, height] = [6, 8].map((field) => bytes.readUInt16LE(field));
  const [left, top] = [1, 3].map((field) => bytes.readUInt16LE(at + field));
  // In the extracted file, the frame is the whole picture.
  for (const [field, value] of [frameWidth, frameHeight].entries()) gif.writeUInt16LE(value, 6 + 2 * field);
  gif.fill(0, at + 1, at + 5);
  const fillsPicture = left === 0 && top === 0 && frameWidth === width && frameHeight === height;
  return { gif, left, top, height, width, fillsPicture };
}

/** Places a frame in the whole picture. The rest is white, like everything transparent. */
export function placeFrame(frame: Image, { left, top, height, width }: FirstFrame): Image {
  const pixels = new Uint8Array(3 * height * width).fill(255);
  const columns = Math.max(0, Math.min(frame.width, width - left));
  for (let row = 0; row < Math.min(frame.height, height - top); row++) {
    const from = 3 * row * frame.width;
    pixels.set(frame.pixels.subarray(from, from + 3 * columns), 3 * ((top + row) * width + left));
  }
  return { height, width, pixels };
}

/** The top bit of the flags says whether there is a color table, the low three bits give its length. */
function colorTableBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

function skipSubBlocks(gif: Buffer, at: number): number {
  while (at < gif.length) {
    if (gif[at] === 0) return at + 1;
    at += 1 + gif[at];
  }
  throw new Error('it is truncated');
}
