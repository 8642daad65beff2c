/** What the chunks of a PNG tell of it, before anything is decoded (W3C, Portable Network Graphics, third edition). */
export interface PngHeader {
  readonly height: number;
  readonly width: number;
  /** Bits of a sample, or of a number of the palette. */
  readonly bitDepth: number;
  readonly isGray: boolean;
  /** Whether pixels may be transparent, by a channel of their own or by a chunk tRNS. */
  readonly hasAlpha: boolean;
  readonly isInterlaced: boolean;
  /** The EXIF: a TIFF without a picture (chunk eXIf). Null where there is none. */
  readonly exif: Buffer | null;
}

/** @throws Error if it does not begin with its size and the kind of its colours. */
export function pngHeader(png: Buffer): PngHeader {
  const chunks = chunksOf(png);
  const header = chunks.get('IHDR');
  if (chunks.keys().next().value !== 'IHDR' || header?.length !== 13)
    throw new Error('it is a corrupt PNG (it does not say how large it is)');
  const colourType = header[9];
  return {
    width: header.readUInt32BE(0),
    height: header.readUInt32BE(4),
    bitDepth: header[8],
    isGray: (colourType & 2) === 0,
    hasAlpha: (colourType & 4) !== 0 || chunks.has('tRNS'),
    isInterlaced: header[12] === 1,
    exif: chunks.get('eXIf') ?? null,
  };
}

/** The data of the first chunk of each type, in the order of the file. */
function chunksOf(png: Buffer): Map<string, Buffer> {
  const chunks = new Map<string, Buffer>();
  // After 8 bytes of signature, each chunk has its length, its type, its data, and 4 bytes to check it by.
  for (let at = 8; at + 8 <= png.length; at += 12 + png.readUInt32BE(at)) {
    const type = png.toString('latin1', at + 4, at + 8);
    if (!chunks.has(type)) chunks.set(type, png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  return chunks;
}
