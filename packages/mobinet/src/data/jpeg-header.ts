/** What the segments of a JPEG tell of it, before anything is decoded (ITU-T T.81, annex B). */
export interface JpegHeader {
  readonly height: number;
  readonly width: number;
  /** Bits of a sample. */
  readonly precision: number;
  /** The identifiers of its colour components. */
  readonly components: readonly number[];
  /** Whether it says that it keeps to JFIF: then its colours are YCbCr, or gray. */
  readonly isJfif: boolean;
  /** What Adobe's segment says of the colours: 0 RGB or CMYK, 1 YCbCr, 2 YCCK. Null without that segment. */
  readonly adobeTransform: number | null;
  readonly isProgressive: boolean;
  /** How often the picture is gone through. */
  readonly scans: number;
  /** The EXIF: a TIFF without a picture. Null where there is none. */
  readonly exif: Buffer | null;
}

const [startOfImage, endOfImage, startOfScan, app0, app1, app14] = [0xd8, 0xd9, 0xda, 0xe0, 0xe1, 0xee];

/** @throws Error if it ends before it says how large it is. */
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
  if (!frame) throw new Error('it does not say how large it is');
  return { ...frame, isJfif, adobeTransform, scans, exif };
}

/** C4, C8 and CC among these say something else. */
const isStartOfFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Restarts, the start and the end stand alone. */
const hasLength = (marker: number): boolean => !(marker >= 0xd0 && marker <= startOfImage) && marker !== 0x01;

/**
 * Where the next marker begins: 0xff, as often as one likes, and its number. In the data of a scan, 0xff is followed by 0, or by the
 * number of a restart.
 */
function nextMarker(jpeg: Buffer, from: number): number {
  for (let at = jpeg.indexOf(0xff, from); at >= 0; at = jpeg.indexOf(0xff, at + 1)) {
    const next = jpeg[at + 1];
    if (next !== 0x00 && next !== 0xff) return at;
  }
  return -1;
}

/**
 * A progressive JPEG may go through its pixels as often as it likes, each time at the cost of a whole picture for a few bytes.
 * Those that are meant to be seen do so some ten times.
 */
const mostScans = 50;

/** @throws Error if it has samples of other than 8 bits, or too many scans. */
export function checkJpeg({ precision, scans }: JpegHeader): void {
  if (precision !== 8)
    throw new Error(`it is a JPEG of ${precision} bits a sample, and only 8 are supported. Convert it to PNG`);
  if (scans > mostScans) throw new Error(`it is a JPEG of ${scans} scans, more than any picture needs`);
}
