/** How the names of image files end: what torchvision's ImageFolder takes, as far as it is decoded here, and more. */
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

/** Images as well, but nothing here decodes them. A folder of them is no folder without images, and must not be passed over as one. */
export const foreignImageExtensions: ReadonlySet<string> = new Set([
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
