import type { Metadata, OutputInfo, Sharp, SharpOptions } from 'sharp';
import { checkPixels, type Decoder, type Stored, type Wanted } from './decoder.js';
import { messageOf } from './errors.js';
import type { ImageFormat } from './image-format.js';
import { checkJpeg, jpegHeader } from './jpeg-header.js';
import { pngHeader } from './png-header.js';
import { imageFromCmyk, imageFromGray, imageOnWhite } from './rgb.js';
import type { Image } from './source.js';
import { tiffTags } from './tiff-tags.js';

/** The decoder that is used wherever it installs: libvips, by the package sharp. @throws Error if it cannot be loaded. */
export async function loadSharp(): Promise<Decoder> {
  const { default: sharp } = await import('sharp');
  // Whoever calls decides how many pictures are decoded at a time; and none is decoded twice.
  sharp.concurrency(1);
  sharp.cache(false);
  return {
    name: `sharp ${sharp.versions.sharp} (libvips ${sharp.versions.vips})`,
    notice: null,
    async decode(bytes, format, wanted) {
      const open = (options: SharpOptions): Sharp => sharp(bytes, { ...usual, ...options });
      const facts = readers[format]?.(bytes) ?? (await orCorrupt(open({ limitInputPixels: false }).metadata(), format));
      return decode(open, format, facts, wanted);
    },
  };
}

/**
 * Bits as they are in the file: no colour profile is applied, as PyTorch's image folders and our page do not either. The input is
 * read from the top, so that what is stored row by row is never in memory as a whole.
 */
const usual: SharpOptions = { failOn: 'error', sequentialRead: true, pages: 1, unlimited: false, ignoreIcc: true };

/** What is known of a picture before it is unpacked. */
type Facts = Pick<Metadata, 'height' | 'width' | 'space' | 'depth' | 'channels' | 'orientation' | 'isProgressive'>;

/** Where they are read here: that takes a tenth of the time that libvips takes for it, of small pictures a fifth of all time. */
const readers: Partial<Record<ImageFormat, (bytes: Buffer) => Facts>> = { JPEG: jpegFacts, PNG: pngFacts };

function jpegFacts(bytes: Buffer): Facts {
  const header = jpegHeader(bytes);
  checkJpeg(header);
  const { height, width, components, exif, isProgressive } = header;
  const channels = components.length as Facts['channels'];
  const space = channels === 1 ? 'b-w' : channels === 4 ? 'cmyk' : 'srgb';
  return { height, width, space, depth: 'uchar', channels, isProgressive, ...orientationOf(exif) };
}

/** As libvips unpacks it: with a palette's colours in place of its numbers. */
function pngFacts(bytes: Buffer): Facts {
  const { height, width, bitDepth, isGray, hasAlpha, isInterlaced, exif } = pngHeader(bytes);
  const [space, depth] =
    bitDepth === 16
      ? ([isGray ? 'grey16' : 'rgb16', 'ushort'] as const)
      : ([isGray ? 'b-w' : 'srgb', 'uchar'] as const);
  const channels = ((isGray ? 1 : 3) + Number(hasAlpha)) as Facts['channels'];
  return { height, width, space, depth, channels, isProgressive: isInterlaced, ...orientationOf(exif) };
}

function orientationOf(exif: Buffer | null): Pick<Facts, 'orientation'> {
  const orientation = exif ? tiffTags(exif).orientation : undefined;
  return orientation === undefined ? {} : { orientation };
}

async function decode(
  open: (options: SharpOptions) => Sharp,
  format: ImageFormat,
  facts: Facts,
  { pixelLimit, side }: Wanted,
): Promise<Stored> {
  checkPixels(facts.width, facts.height, pixelLimit * shareOfLimit(format, facts));
  checkSamples(facts);
  const unpack = (failOn: SharpOptions['failOn'] = 'error'): Promise<Unpacked> => {
    const sharp = open({ limitInputPixels: pixelLimit, failOn });
    // Otherwise libvips would make light of inks by a profile that it assumes.
    if (facts.space === 'cmyk') sharp.pipelineColourspace('cmyk').toColourspace('cmyk');
    // To make three equal channels of one is quicker here: of a small picture, that was a third of the time of libvips.
    if (facts.space === 'b-w' && facts.channels === 1) sharp.toColourspace('b-w');
    if (side !== undefined) reduce(sharp, facts, side);
    return sharp.raw().toBuffer({ resolveWithObject: true });
  };
  const unpacked = await orCorrupt(format === 'JPEG' ? unpackJpeg(unpack) : unpack(), format);
  return { image: toRgb(unpacked, facts), orientation: facts.orientation };
}

interface Unpacked {
  readonly data: Buffer;
  readonly info: OutputInfo;
}

/**
 * Decodes a JPEG with warnings as errors: libjpeg merely warns of damaged pixels, and makes some up. Warnings that have nothing to do
 * with pixels are let pass.
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
 * A picture many times larger than what is wanted is made smaller while it is decoded (a JPEG of 48 megapixels then takes a tenth of
 * the time, and no memory to speak of), but no smaller than three times what is wanted: our own filter does the rest, and hardly
 * differs from what it makes of all pixels (it is what Pillow calls `reducing_gap`).
 */
function reduce(sharp: Sharp, { width, height }: Facts, side: number): void {
  const factor = (3 * side) / Math.min(width, height);
  if (factor > 1 / 2) return;
  sharp.resize(Math.round(width * factor), Math.round(height * factor), { fit: 'fill', kernel: 'linear' });
}

/** What must be in memory as a whole may have fewer pixels: measured, an AVIF takes 18 bytes for each, a 16-bit interlaced PNG takes 9. */
function shareOfLimit(format: ImageFormat, { isProgressive }: Facts): number {
  if (format === 'AVIF') return 1 / 4;
  return format === 'PNG' && isProgressive ? 1 / 2 : 1;
}

/** How many channels there are in each colour space that is known, alpha included. */
const channelsOf: Readonly<Record<string, readonly number[]>> = {
  'b-w': [1, 2],
  grey16: [1, 2],
  srgb: [3, 4],
  rgb: [3, 4],
  rgb16: [3, 4],
  cmyk: [4],
};

/** @throws Error where the samples are no colours of 8 or 16 bits: it would be a guess what they show. */
function checkSamples({ space, depth, channels }: Facts): void {
  const depths = space === 'cmyk' ? ['uchar'] : ['uchar', 'ushort'];
  if (channelsOf[space]?.includes(channels) && depths.includes(depth)) return;
  throw new Error(
    `its samples are ${space} of type ${depth} in ${channels} channel${channels === 1 ? '' : 's'}, which is not supported. Convert it to PNG`,
  );
}

function toRgb({ data, info: { height, width, channels } }: Unpacked, { space }: Facts): Image {
  const samples = { height, width, data };
  if (space === 'cmyk') return imageFromCmyk(samples);
  if (channels === 4) return imageOnWhite(samples);
  if (channels === 1) return imageFromGray(samples);
  return { height, width, pixels: new Uint8Array(data.buffer, data.byteOffset, data.length) };
}

/** Errors of libvips have several lines, with the names of its functions in front. */
async function orCorrupt<T>(work: Promise<T>, format: ImageFormat): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const lines = messageOf(error)
      .replace(/^Input buffer (has|contains) [\w ]+: ?/, '')
      .split('\n');
    const told = lines.find((line) => line !== '' && !line.startsWith('source: '));
    const reason = told?.replace(/^(\w+: )+/, '') ?? 'its header cannot be read';
    throw new Error(`it is a corrupt ${format} (${reason})`, { cause: error });
  }
}
