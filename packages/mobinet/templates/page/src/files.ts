import type { Picture } from './protocol.js';

/** Calls `onFile` for every file that is picked, dropped or pasted. */
export function listenForFiles(
  pickers: readonly HTMLInputElement[],
  onFile: (file: File) => void,
  onProblem: (problem: string) => void,
): void {
  for (const picker of pickers) {
    picker.addEventListener('change', () => {
      const [file] = picker.files ?? [];
      // Without this, picking the same file again would fire no change event.
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
    // Without this, the browser would open the file in place of the page.
    event.preventDefault();
    classList.add('dragging');
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    // The event also fires between elements of the page; then there is a related target.
    if (relatedTarget === null) classList.remove('dragging');
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    classList.remove('dragging');
    const [file] = event.dataTransfer?.files ?? [];
    if (file) onFile(file);
    else onProblem('That is not a file. Save the image and drop the file.');
  });
}

/** Larger pictures are scaled down to this many pixels, since phones have little memory. */
const maxPixels = 16e6;

/** Decodes an image file. @throws Error of one line if it is not an image or is corrupt. */
export async function readPicture(file: Blob, name: string): Promise<Picture> {
  let bitmap: ImageBitmap;
  try {
    // Applies the EXIF orientation but no color profile: the network needs the values in the file, as Node reads them.
    bitmap = await createImageBitmap(file, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch {
    throw new Error(`${name} is not an image, or it is corrupt. Use a PNG, JPEG, GIF or WebP file.`);
  }
  const scale = Math.min(1, Math.sqrt(maxPixels / (bitmap.width * bitmap.height)));
  const picture = pixelsOf(bitmap, Math.ceil(scale * bitmap.width), Math.ceil(scale * bitmap.height));
  bitmap.close();
  return picture;
}

/** The pixels of an image, scaled to this size. Transparent pixels are blended with white, as in Node. */
export function pixelsOf(image: CanvasImageSource, width: number, height: number): Picture {
  const context = new OffscreenCanvas(width, height).getContext('2d', { alpha: false, willReadFrequently: true });
  if (!context)
    throw new Error(`There is not enough memory for an image of ${width} × ${height} pixels. Use a smaller one.`);
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, data: new Uint8ClampedArray(data) };
}
