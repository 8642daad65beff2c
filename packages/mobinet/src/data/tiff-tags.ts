/** Tags from the first directory of a TIFF. The EXIF data of a JPEG or PNG is such a TIFF, too. */
export interface TiffTags {
  /** How the image must be rotated or mirrored: see `orient`. */
  readonly orientation?: number;
  /** Its lowest bit marks a reduced version of another image in the file. */
  readonly newSubfileType?: number;
  /** Whether it is a Digital Negative (DNG), Adobe's raw format. */
  readonly isDng: boolean;
}

/**
 * Reads the first directory of a TIFF (TIFF 6.0, section 2): a byte order, the offset of the directory, and there
 * entries of 12 bytes: tag, type, count, value. Damaged entries are left out.
 */
export function tiffTags(tiff: Buffer): TiffTags {
  const order = tiff.toString('latin1', 0, 4);
  if (tiff.length < 8 || (order !== 'II*\0' && order !== 'MM\0*')) return { isDng: false };
  const isLittle = order.startsWith('I');
  const u16 = (at: number): number => (isLittle ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const u32 = (at: number): number => (isLittle ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at));
  const directory = u32(4);
  const count = directory + 2 <= tiff.length ? u16(directory) : 0;
  const values = new Map<number, number>();
  for (let at = directory + 2; at < directory + 2 + 12 * count && at + 12 <= tiff.length; at += 12) {
    // A 16-bit number (type 3) is stored in the first bytes of its field.
    values.set(u16(at), u16(at + 2) === 3 ? u16(at + 8) : u32(at + 8));
  }
  const [orientation, newSubfileType] = [values.get(0x0112), values.get(0x00fe)];
  return {
    ...(orientation !== undefined && { orientation }),
    ...(newSubfileType !== undefined && { newSubfileType }),
    isDng: values.has(0xc612),
  };
}
