/** The properties of a JPEG given by its segments, before anything is decoded (ITU-T T.81, annex B). */
export interface JpegHeader {
  readonly height: number;
  readonly width: number;
  /** Bits per sample. */
  readonly precision: number;
  /** The identifiers of its color components. */
  readonly components: readonly number[];
  /** Whether it declares itself as JFIF, in which case its colors are YCbCr or gray. */
  readonly isJfif: boolean;
  /** The color transform of Adobe's segment: 0 RGB or CMYK, 1 YCbCr, 2 YCCK. Null without that segment. */
  readonly adobeTransform: number | null;
  readonly isProgressive: boolean;
  /** The number of passes over the image. */
  readonly scans: number;
  /** The EXIF data, which is a TIFF without an image. Null if there is none. */
  readonly exif: Buffer | null;
}

const [startOfImage, endOfImage, startOfScan, app0, app1, app14] = [0xd8, 0xd9, 0xda, 0xe0, 0xe1, 0xee];

/**
 * Reads the segments of a JPEG.
 * @throws Error if it has no frame header, which gives the size.
 */
export function jpegHeader(jpeg: Buffer): JpegHeader {
  let frame: Pick<JpegHeader, 'height' | 'width' | 'precision' | 'components' | 'isProgressive'> | null = null;
  let adobeTransform: number | null = null;
  let exif: Buffer | null = null;
  let isJfif = false;
  let scans = 0;
  for (let at = nextMarker(jpeg, 0); at >= 0 && at + 4 <= jpeg.length; at = nextMarker(jpeg, at)) {
    const marker = jpeg[at + 1];
    if (marker === endOfImage) break;
    if (!hasLength(marker)) {
      at += 2;
      continue;
    }
    const length = jpeg.readUInt16BE(at + 2);
    const segment = jpeg.subarray(at + 4, at + 2 + length);
    if (isStartOfFrame(marker) && segment.length >= 6) {
      frame ??= {
        precision: segment[0],
        height: segment.readUInt16BE(1),
        width: segment.readUInt16BE(3),
        components: Array.from({ length: segment[5] }, (_, i) => segment[6 + 3 * i]),
        isProgressive: (marker & 3) === 2,
      };
    }
    if (marker === startOfScan) scans++;
    const name = segment.toString('latin1', 0, 6);
    if (marker === app0 && name.startsWith('JFIF\0')) isJfif = true;
    if (marker === app14 && name.startsWith('Adobe')) adobeTransform = segment[11] ?? null;
    if (marker === app1 && name === 'Exif\0\0') exif ??= segment.subarray(6);
    at += 2 + length;
  }
  if (!frame) throw new Error('it is a corrupt JPEG (its size is missing)');
  return { ...frame, isJfif, adobeTransform, scans, exif };
}

/** Markers C0 to CF start a frame, except for C4, C8 and CC. */
const isStartOfFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** The markers for restart, start and end of image stand alone. */
const hasLength = (marker: number): boolean => !(marker >= 0xd0 && marker <= startOfImage) && marker !== 0x01;

/**
 * Finds the next marker: any number of bytes 0xff, then the marker's number. Within the data of a scan, 0xff is
 * followed by 0 or by the number of a restart marker.
 */
function nextMarker(jpeg: Buffer, from: number): number {
  for (let at = jpeg.indexOf(0xff, from); at >= 0; at = jpeg.indexOf(0xff, at + 1)) {
    const next = jpeg[at + 1];
    if (next !== 0x00 && next !== 0xff) return at;
  }
  return -1;
}

/**
 * A progressive JPEG may have any number of scans, each of which costs as much time as a whole image for a few bytes.
 * Real images have about ten.
 */
const maxScans = 50;

/**
 * Refuses JPEGs that cannot be decoded correctly or in reasonable time.
 * @throws Error if samples do not have 8 bits, or if there are too many scans.
 */
export function checkJpeg({ precision, scans }: JpegHeader): void {
  if (precision !== 8)
    throw new Error(`it is a JPEG with ${precision} bits per sample, but only 8 are supported. Convert it to PNG`);
  if (scans > maxScans) throw new Error(`it is a JPEG with ${scans} scans, but only ${maxScans} are allowed`);
}
