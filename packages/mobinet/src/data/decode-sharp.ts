import type { Metadata, OutputInfo, Sharp, SharpOptions } from 'sharp';
import { checkPixels, type DecodeOptions, type Decoder, type StoredImage } from './decoder.js';
import { messageOf } from './errors.js';
import type { ImageFormat } from './image-format.js';
import { checkJpeg, jpegHeader } from './jpeg-header.js';
import { pngHeader } from './png-header.js';
import { reductionFor, scaleReduced } from './reduction.js';
import { imageFromCmyk, imageFromGray, imageOnWhite } from './rgb.js';
import type { Image } from './source.js';
import { tiffTags } from './tiff-tags.js';

/**
 * Loads sharp, the default decoder, which wraps libvips.
 * @throws Error if it cannot be loaded.
 */
export async function loadSharp(): Promise<Decoder> {
  const { default: sharp } = await import('sharp');
  // The caller decides how many images are decoded in parallel, and none is decoded twice.
  sharp.concurrency(1);
  sharp.cache(false);
  return {
    // The last number counts the ways in which large images have been reduced (reduction.ts), each with other bits.
    name: `sharp ${sharp.versions.sharp} (libvips ${sharp.versions.vips}, reduction 2)`,
    notice: null,
    async decode(bytes, format, options) {
      const open = (changes: SharpOptions): Sharp => sharp(bytes, { ...defaults, ...changes });
      const properties =
        readers[format]?.(bytes) ?? (await orCorrupt(open({ limitInputPixels: false }).metadata(), format));
      return decode(open, format, properties, options);
    },
  };
}

/**
 * Samples are taken from the file unchanged: no color profile is applied, as in PyTorch's image folders and the demo
 * page. The input is read from the top, so an image stored row by row is never in memory as a whole.
 */
const defaults: SharpOptions = { failOn: 'error', sequentialRead: true, pages: 1, unlimited: false, ignoreIcc: true };

/** The properties of an image that are known before it is unpacked. */
type Properties = Pick<Metadata, 'height' | 'width' | 'space' | 'depth' | 'channels' | 'orientation' | 'isProgressive'>;

/**
 * Header parsers used instead of those of libvips, which take ten times as long: for small images, a fifth of the total
 * time.
 */
const readers: Partial<Record<ImageFormat, (bytes: Buffer) => Properties>> = {
  JPEG: jpegProperties,
  PNG: pngProperties,
};

function jpegProperties(bytes: Buffer): Properties {
  const header = jpegHeader(bytes);
  checkJpeg(header);
  const { height, width, components, exif, isProgressive } = header;
  const channels = components.length as Properties['channels'];
  const space = channels === 1 ? 'b-w' : channels === 4 ? 'cmyk' : 'srgb';
  return { height, width, space, depth: 'uchar', channels, isProgressive, ...orientationOf(exif) };
}

/** Describes the image as libvips unpacks it, with palette indices replaced by their colors. */
function pngProperties(bytes: Buffer): Properties {
  const { height, width, bitDepth, isGray, hasAlpha, isInterlaced, exif } = pngHeader(bytes);
  const [space, depth] =
    bitDepth === 16
      ? ([isGray ? 'grey16' : 'rgb16', 'ushort'] as const)
      : ([isGray ? 'b-w' : 'srgb', 'uchar'] as const);
  const channels = ((isGray ? 1 : 3) + Number(hasAlpha)) as Properties['channels'];
  return { height, width, space, depth, channels, isProgressive: isInterlaced, ...orientationOf(exif) };
}

function orientationOf(exif: Buffer | null): Pick<Properties, 'orientation'> {
  const orientation = exif ? tiffTags(exif).orientation : undefined;
  return orientation === undefined ? {} : { orientation };
}

async function decode(
  open: (options: SharpOptions) => Sharp,
  format: ImageFormat,
  properties: Properties,
  { pixelLimit, side }: DecodeOptions,
): Promise<StoredImage> {
  checkPixels(properties.width, properties.height, pixelLimit * shareOfLimit(format, properties));
  checkSamples(properties);
  const reduction =
    side === undefined ? null : reductionFor(properties, side, format === 'JPEG' && properties.space !== 'cmyk');
  const unpack = (failOn: SharpOptions['failOn'] = 'error'): Promise<Unpacked> => {
    const sharp = open({ limitInputPixels: pixelLimit, failOn });
    // Otherwise libvips would convert CMYK to RGB with a profile that it assumes.
    if (properties.space === 'cmyk') sharp.pipelineColourspace('cmyk').toColourspace('cmyk');
    // Copying gray to three channels is faster in JavaScript: for small images, it took libvips a third of its time.
    if (properties.space === 'b-w' && properties.channels === 1) sharp.toColourspace('b-w');
    if (reduction) sharp.resize(reduction.reduced.width, reduction.reduced.height, { fit: 'fill', kernel: 'cubic' });
    return sharp.raw().toBuffer({ resolveWithObject: true });
  };
  const unpacked = await orCorrupt(format === 'JPEG' ? unpackJpeg(unpack) : unpack(), format);
  const image = toRgb(unpacked, properties);
  return { image: reduction ? scaleReduced(image, reduction) : image, orientation: properties.orientation };
}

interface Unpacked {
  readonly data: Buffer;
  readonly info: OutputInfo;
}

/**
 * Decodes a JPEG with warnings as errors, since libjpeg only warns of damaged pixels and makes some up. Warnings that
 * do not concern pixels are ignored.
 */
async function unpackJpeg(unpack: (failOn?: 'warning') => Promise<Unpacked>): Promise<Unpacked> {
  try {
    return await unpack('warning');
  } catch (error) {
    if (!/extraneous bytes|JFIF|Adobe/.test(messageOf(error))) throw error;
    return unpack();
  }
}

/**
 * The share of the pixel limit for a format. Images that must be in memory as a whole get less: measured, an AVIF takes
 * 18 bytes per pixel, a 16-bit interlaced PNG takes 9.
 */
function shareOfLimit(format: ImageFormat, { isProgressive }: Properties): number {
  if (format === 'AVIF') return 1 / 4;
  return format === 'PNG' && isProgressive ? 1 / 2 : 1;
}

/** The possible numbers of channels in each supported color space, alpha included. */
const channelsOf: Readonly<Record<string, readonly number[]>> = {
  'b-w': [1, 2],
  grey16: [1, 2],
  srgb: [3, 4],
  rgb: [3, 4],
  rgb16: [3, 4],
  cmyk: [4],
};

/**
 * Checks the format of the samples.
 * @throws Error if they are not colors of 8 or 16 bits, since their meaning would be a guess.
 */
function checkSamples({ space, depth, channels }: Properties): void {
  const depths = space === 'cmyk' ? ['uchar'] : ['uchar', 'ushort'];
  if (channelsOf[space]?.includes(channels) && depths.includes(depth)) return;
  throw new Error(
    `its pixel format (${space}, ${depth}, ${channels} channel${channels === 1 ? '' : 's'}) is not supported. Convert it to PNG`,
  );
}

function toRgb({ data, info: { height, width, channels } }: Unpacked, { space }: Properties): Image {
  const samples = { height, width, data };
  if (space === 'cmyk') return imageFromCmyk(samples);
  if (channels === 4) return imageOnWhite(samples);
  if (channels === 1) return imageFromGray(samples);
  return { height, width, pixels: new Uint8Array(data.buffer, data.byteOffset, data.length) };
}

/** Reports an error of libvips in one line. Its messages have several, prefixed with the names of its functions. */
async function orCorrupt<T>(work: Promise<T>, format: ImageFormat): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const lines = messageOf(error)
      .replace(/^Input buffer (has|contains) [\w ]+: ?/, '')
      .split('\n');
    const cause = lines.find((line) => line !== '' && !line.startsWith('source: '));
    const reason = cause?.replace(/^(\w+: )+/, '') ?? 'its header cannot be read';
    throw new Error(`it is a corrupt ${format} (${reason})`, { cause: error });
  }
}
