/** The properties of a PNG given by its chunks, before anything is decoded (W3C PNG specification, third edition). */
export interface PngHeader {
  readonly height: number;
  readonly width: number;
  /** Bits per sample, or per palette index. */
  readonly bitDepth: number;
  readonly isGray: boolean;
  /** Whether pixels may be transparent, through an alpha channel or a tRNS chunk. */
  readonly hasAlpha: boolean;
  readonly isInterlaced: boolean;
  /** The EXIF data, which is a TIFF without an image (the eXIf chunk). Null if there is none. */
  readonly exif: Buffer | null;
}

/**
 * Reads the chunks of a PNG.
 * @throws Error if it does not begin with an IHDR chunk, which gives the size and color type.
 */
export function pngHeader(png: Buffer): PngHeader {
  const chunks = chunksOf(png);
  const header = chunks.get('IHDR');
  if (chunks.keys().next().value !== 'IHDR' || header?.length !== 13)
    throw new Error('it is a corrupt PNG (its size is missing)');
  const colorType = header[9];
  return {
    width: header.readUInt32BE(0),
    height: header.readUInt32BE(4),
    bitDepth: header[8],
    isGray: (colorType & 2) === 0,
    hasAlpha: (colorType & 4) !== 0 || chunks.has('tRNS'),
    isInterlaced: header[12] === 1,
    exif: chunks.get('eXIf') ?? null,
  };
}

/** The data of the first chunk of each type, in the order of the file. */
function chunksOf(png: Buffer): Map<string, Buffer> {
  const chunks = new Map<string, Buffer>();
  // After a signature of 8 bytes, each chunk has its length, its type, its data, and a checksum of 4 bytes.
  for (let at = 8; at + 8 <= png.length; at += 12 + png.readUInt32BE(at)) {
    const type = png.toString('latin1', at + 4, at + 8);
    if (!chunks.has(type)) chunks.set(type, png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  return chunks;
}
