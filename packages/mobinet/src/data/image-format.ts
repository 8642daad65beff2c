import { tiffTags } from './tiff-tags.js';

/** The image formats that can be decoded. */
export type ImageFormat = 'JPEG' | 'PNG' | 'GIF' | 'WebP' | 'AVIF' | 'TIFF';

/**
 * Detects the format of an image file from its content, since its name may be wrong. Decoders know more formats than
 * these, and some are programs rather than images (SVG, PDF), so other formats never reach a decoder.
 *
 * @throws Error that names the format, if it is known, and says what to do.
 */
export function formatOf(bytes: Buffer): ImageFormat {
  if (bytes.length === 0) throw new Error('it is empty');
  const name = signatures.find(({ magic, at = 0 }) => bytes.toString('latin1', at, at + magic.length) === magic)?.name;
  const exact =
    name === 'TIFF' ? kindOfTiff(bytes) : name === 'ISO' ? kindOfIsoMedia(bytes) : (name ?? kindOfText(bytes));
  if (isSupported(exact)) return exact;
  if (exact === null) throw new Error(`it is not an image in a supported format (${formats.join(', ')})`);
  throw new Error(remedies[exact] ?? `its format, ${exact}, is not supported. Convert it to JPEG or PNG`);
}

const formats: readonly ImageFormat[] = ['JPEG', 'PNG', 'GIF', 'WebP', 'AVIF', 'TIFF'];

const isSupported = (name: string | null): name is ImageFormat => formats.includes(name as ImageFormat);

/** Messages for files that are not images, though they may be named like one. */
const remedies: Readonly<Record<string, string>> = {
  HTML: 'it is an HTML page, not an image. Download the image itself',
  'Git LFS': 'it is a Git LFS pointer, not an image. Fetch the files with git lfs pull',
  ZIP: 'it is a ZIP archive, not an image. Unpack it',
  gzip: 'it is a gzip archive, not an image. Unpack it',
  video: 'it is a video, not an image. Extract its frames',
};

/** Magic bytes as Latin-1, with their offset if it is not 0. */
const signatures: readonly { readonly name: string; readonly magic: string; readonly at?: number }[] = [
  { name: 'JPEG', magic: '\xff\xd8\xff' },
  { name: 'PNG', magic: '\x89PNG\r\n\x1a\n' },
  { name: 'GIF', magic: 'GIF87a' },
  { name: 'GIF', magic: 'GIF89a' },
  { name: 'WebP', magic: 'WEBP', at: 8 },
  { name: 'Canon CR2', magic: 'CR\x02', at: 8 },
  { name: 'TIFF', magic: 'II*\0' },
  { name: 'TIFF', magic: 'MM\0*' },
  // BigTIFF, with 64-bit offsets.
  { name: 'TIFF', magic: 'II+\0' },
  { name: 'TIFF', magic: 'MM\0+' },
  { name: 'ISO', magic: 'ftyp', at: 4 },
  { name: 'JPEG XL', magic: '\xff\x0a' },
  { name: 'JPEG XL', magic: '\0\0\0\x0cJXL \r\n\x87\n' },
  { name: 'JPEG 2000', magic: '\0\0\0\x0cjP  \r\n\x87\n' },
  { name: 'JPEG 2000', magic: '\xff\x4f\xff\x51' },
  { name: 'JPEG XR', magic: 'II\xbc' },
  { name: 'Olympus ORF', magic: 'IIRO' },
  { name: 'Panasonic RW2', magic: 'IIU\0' },
  { name: 'Fujifilm RAF', magic: 'FUJIFILM' },
  { name: 'BMP', magic: 'BM' },
  { name: 'ICO', magic: '\0\0\x01\0' },
  { name: 'Photoshop (PSD)', magic: '8BPS' },
  { name: 'GIMP (XCF)', magic: 'gimp xcf' },
  { name: 'OpenEXR', magic: 'v/1\x01' },
  { name: 'Radiance HDR', magic: '#?RADIANCE' },
  { name: 'QOI', magic: 'qoif' },
  { name: 'DDS', magic: 'DDS ' },
  { name: 'FITS', magic: 'SIMPLE  =' },
  { name: 'PDF', magic: '%PDF' },
  { name: 'PostScript', magic: '%!PS' },
  ...[1, 2, 3, 4, 5, 6, 7].map((kind) => ({ name: 'Netpbm', magic: `P${kind}\n` })),
  { name: 'ZIP', magic: 'PK\x03\x04' },
  { name: 'gzip', magic: '\x1f\x8b' },
  { name: 'video', magic: '\x1aE\xdf\xa3' },
  { name: 'Git LFS', magic: 'version https://git-lfs' },
];

/** Camera raw files are TIFFs whose first image is only a small preview. */
function kindOfTiff(bytes: Buffer): string {
  const { newSubfileType = 0, isDng } = tiffTags(bytes);
  return isDng || newSubfileType & 1 ? 'camera raw' : 'TIFF';
}

/**
 * AVIF, HEIC and videos share a container format (ISO/IEC 14496-12). Its first box lists brands, the main one first.
 */
function kindOfIsoMedia(bytes: Buffer): string {
  const end = Math.min(bytes.readUInt32BE(0), bytes.length, 256);
  const brands = [bytes.toString('latin1', 8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(bytes.toString('latin1', at, at + 4));
  const kinds: [kind: string, RegExp][] = [
    ['AVIF', /^avi[fs]$/],
    ['HEIC', /^(hei|hev)/],
    ['HEIF', /^(mif|msf)/],
    ['Canon CR3', /^crx /],
  ];
  // The first brand that is known decides, unless it only says that the file holds images (mif1).
  const specific = brands.flatMap((brand) => kinds.filter(([, pattern]) => pattern.test(brand)).map(([kind]) => kind));
  return specific.find((kind) => kind !== 'HEIF') ?? specific[0] ?? 'video';
}

function kindOfText(bytes: Buffer): string | null {
  const text = bytes.toString('latin1', 0, 1024).replace(/^(\xef\xbb\xbf)?\s+/, '');
  if (/^(\xef\xbb\xbf)?<(!doctype html|html|head)/i.test(text)) return 'HTML';
  return text.includes('<svg') ? 'SVG' : null;
}
