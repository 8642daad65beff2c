/** Extensions of image files: those of torchvision's ImageFolder, as far as they can be decoded here, and more. */
export const imageExtensions: ReadonlySet<string> = new Set([
  '.jpg',
  '.jpeg',
  '.jpe',
  '.jfif',
  '.png',
  '.gif',
  '.webp',
  '.avif',
  '.tif',
  '.tiff',
]);

/** Extensions of unsupported image formats. A folder of such images must not be treated like one without images. */
export const unsupportedImageExtensions: ReadonlySet<string> = new Set([
  '.heic',
  '.heif',
  '.bmp',
  '.dib',
  '.ppm',
  '.pgm',
  '.pbm',
  '.pnm',
  '.jp2',
  '.j2k',
  '.jxl',
  '.tga',
]);
