// biome-ignore-all lint/suspicious/noControlCharactersInRegex: binary files begin with such bytes.

/** Files that users pass by mistake: a pattern of their first bytes, what they are, and what to do about it. */
const kinds: readonly [pattern: RegExp, what: string][] = [
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer, not the file itself. Fetch the file: git lfs pull'],
  [
    /^(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml|!--)/i,
    'an HTML page. Fetch the file itself: the address may be a page about it, or require a login',
  ],
  [
    /^PK\x03\x04/,
    'a ZIP archive, as PyTorch writes them (.pt, .pth). Unpack it, or in Python save the tensors with safetensors.torch.save_file',
  ],
  [
    /^\x80[\x02-\x05]/,
    'a Python pickle, as PyTorch writes them (.pt, .pth). In Python, save the tensors with safetensors.torch.save_file',
  ],
  [/^\x93NUMPY/, 'a NumPy array (.npy), which contains a single tensor without a name'],
  [/^\x89HDF\r\n/, 'an HDF5 file, as Keras writes them (.h5). In Python, save its tensors with safetensors'],
  [/^.{4}TFL3/s, 'a TensorFlow Lite model'],
  [/^GGUF/, 'a GGUF model'],
  [/^\x1f\x8b/, 'compressed (gzip). Unpack it first: gunzip'],
  [/^\x28\xb5\x2f\xfd/, 'compressed (zstd). Unpack it first: unzstd'],
  [/^\xfd7zXZ/, 'compressed (xz). Unpack it first: unxz'],
  [/^BZh/, 'compressed (bzip2). Unpack it first: bunzip2'],
  [/^.{257}ustar/s, 'a tar archive. Unpack it first: tar -xf'],
  [/^(\xff\xd8\xff|\x89PNG|GIF8|RIFF.{4}WEBP|BM.{4}\0\0\0\0)/s, 'an image'],
  [/^%PDF/, 'a PDF document'],
  [
    /^\x08[\x01-\x20](\x12|\x3a|\x1a|\x22|\x2a|\x32|\x42)/,
    'apparently an ONNX model. Use the file that it was exported from',
  ],
  [/^(\xef\xbb\xbf)?\s*[{[]/, 'JSON text'],
  [/^\0+$/, 'all zeros. It may be an interrupted download: fetch it again'],
  // Printable characters up to the end of the file, or of the part that is checked.
  [/^[\t\n\r -~\x80-\xff]{8,}$/, 'apparently text'],
];

/** Describes a file without tensors, and a remedy: `'a ZIP archive, …'`. Null if it is not recognized. */
export function describeForeign(bytes: Uint8Array): string | null {
  if (bytes.length === 0) return 'empty. It may be an interrupted download: fetch it again';
  const start = String.fromCharCode(...bytes.subarray(0, 512));
  return kinds.find(([pattern]) => pattern.test(start))?.[1] ?? null;
}
