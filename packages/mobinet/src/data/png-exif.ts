/** The EXIF of a PNG, a TIFF without a picture (chunk eXIf of the third edition), or null where there is none. */
export function pngExif(png: Buffer): Buffer | null {
  // After 8 bytes of signature, each chunk has its length, its type, its data, and 4 bytes to check it by.
  for (let at = 8; at + 8 <= png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'eXIf') return png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
  }
  return null;
}
