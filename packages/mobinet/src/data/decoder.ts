import type { ImageFormat } from './image-format.js';
import type { Image } from './source.js';

/** What makes pixels of the bytes of a picture. */
export interface Decoder {
  /** With its version: another one may decode to other bits. */
  readonly name: string;
  /** What is to be said, once, to whoever uses it. */
  readonly notice: string | null;
  /**
   * @returns The picture as it is stored, not yet turned.
   * @throws Error saying what is wrong: it is corrupt, of a kind that this decoder cannot decode, or of more than `pixelLimit` pixels.
   */
  decode(bytes: Buffer, format: ImageFormat, wanted: Wanted): Promise<Stored>;
}

export interface Wanted {
  readonly pixelLimit: number;
  /** A picture whose shorter side is much longer than this may come smaller, but never with less than three times as many pixels a side. */
  readonly side?: number | undefined;
}

export interface Stored {
  readonly image: Image;
  /** How it is to be turned: see `orient`. */
  readonly orientation: number | undefined;
}

/** @throws Error if there are no pixels, or too many. */
export function checkPixels(width: number, height: number, limit: number): void {
  if (!(width * height > 0)) throw new Error(`its size is ${width} × ${height}`);
  if (width * height > limit) throw new Error(`its ${width} × ${height} pixels are more than ${limit}`);
}
