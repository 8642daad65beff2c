/** The parts of the browser's APIs that are used here. TypeScript declares them only together with the whole DOM. */
declare class OffscreenCanvas {
  constructor(width: number, height: number);
  getContext(kind: '2d', options: { willReadFrequently: boolean }): CanvasContext | null;
}

interface CanvasContext {
  imageSmoothingQuality: string;
  drawImage(image: object, x: number, y: number, width: number, height: number): void;
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

interface DecodedBitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}

declare function createImageBitmap(
  blob: Blob,
  options: { imageOrientation: 'from-image'; premultiplyAlpha: 'none'; colorSpaceConversion: 'none' },
): Promise<DecodedBitmap>;

declare class VideoFrame {
  constructor(image: object, options: { timestamp: number });
  copyTo(target: Uint8Array, options: { format: 'RGBA' }): Promise<unknown>;
  close(): void;
}
