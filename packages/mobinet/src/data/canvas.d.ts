/** The parts of the canvas API that are used here. TypeScript declares them only together with the whole DOM. */
declare class OffscreenCanvas {
  constructor(width: number, height: number);
  getContext(kind: '2d', options: { alpha: false; willReadFrequently: true }): CanvasContext | null;
}

interface CanvasContext {
  fillStyle: string;
  imageSmoothingQuality: 'high';
  fillRect(x: number, y: number, width: number, height: number): void;
  drawImage(image: object, x: number, y: number, width: number, height: number): void;
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

declare function createImageBitmap(
  source: object,
  options: { imageOrientation: 'from-image'; premultiplyAlpha: 'none'; colorSpaceConversion: 'none' },
): Promise<{ readonly width: number; readonly height: number; close(): void }>;
