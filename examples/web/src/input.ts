import type { Picture } from './protocol.js';

/** Calls back for every file that is picked, dropped or pasted. */
export function listenForFiles(
  pickers: readonly HTMLInputElement[],
  onFile: (file: File) => void,
  onProblem: (problem: string) => void,
): void {
  for (const picker of pickers) {
    picker.addEventListener('change', () => {
      const [file] = picker.files ?? [];
      // Forgotten at once: otherwise the same file picked again would be no change.
      picker.value = '';
      if (file) onFile(file);
    });
  }
  listenForDrops(onFile, onProblem);
  document.addEventListener('paste', ({ clipboardData }) => {
    const [file] = clipboardData?.files ?? [];
    if (file) onFile(file);
  });
}

function listenForDrops(onFile: (file: File) => void, onProblem: (problem: string) => void): void {
  const { classList } = document.body;
  document.addEventListener('dragover', (event) => {
    // Without this, the browser would leave the page and open the file.
    event.preventDefault();
    classList.add('dragging');
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    // Not when it only comes to lie over another element.
    if (relatedTarget === null) classList.remove('dragging');
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    classList.remove('dragging');
    const [file] = event.dataTransfer?.files ?? [];
    if (file) onFile(file);
    else onProblem('What was dropped is no file. Save the image, and drop that.');
  });
}

/** Larger pictures are scaled down to so many pixels: telephones have little memory. */
const mostPixels = 16e6;

/** @throws Error, one line, if it is no image or a corrupt one. */
export async function readPicture(file: Blob, name: string): Promise<Picture> {
  let bitmap: ImageBitmap;
  try {
    // Turned as the camera was held, and else the numbers as they are in the file: this is data for a network, and Node reads it so.
    bitmap = await createImageBitmap(file, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch {
    throw new Error(`${name} is no image, or a corrupt one. Take a PNG, JPEG, GIF or WebP.`);
  }
  const scale = Math.min(1, Math.sqrt(mostPixels / (bitmap.width * bitmap.height)));
  const picture = pixelsOf(bitmap, Math.ceil(scale * bitmap.width), Math.ceil(scale * bitmap.height));
  bitmap.close();
  return picture;
}

/** Its pixels, once it is scaled to this size. What is transparent lies on white, as where Node decodes files. */
export function pixelsOf(image: CanvasImageSource, width: number, height: number): Picture {
  const context = new OffscreenCanvas(width, height).getContext('2d', { alpha: false, willReadFrequently: true });
  if (!context) throw new Error(`There is no memory for an image of ${width} × ${height} pixels. Take a smaller one.`);
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, data: new Uint8ClampedArray(data) };
}
