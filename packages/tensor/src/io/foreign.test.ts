import { describe, expect, test } from 'vitest';
import { FormatError } from '../errors.js';
import { decodeNpy } from './npy.js';
import { decodeSafetensors } from './read-safetensors.js';

const cases: [what: string, start: string, named: RegExp][] = [
  ['nothing', '', /empty/],
  ['zeros', '\0'.repeat(3000), /all zeros/],
  ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n', /: git lfs pull$/],
  ['an HTML page', '\n  <!DOCTYPE html><html>', /an HTML page\. Fetch the file itself/],
  ['an XML error from a server', '<?xml version="1.0"?><Error>', /an HTML page/],
  ['a PyTorch model', 'PK\x03\x04\x00\x00\x08\x08', /a ZIP archive, as PyTorch writes/],
  ['an old PyTorch model', '\x80\x02\x8a\x0al\xfc', /a Python pickle, as PyTorch/],
  ['an HDF5 file', '\x89HDF\r\n\x1a\n', /HDF5/],
  ['an ONNX model', '\x08\x08\x12\x07pytorch', /an ONNX model/],
  ['gzip', '\x1f\x8b\x08\x00\x00\x00\x00\x00', /gunzip$/],
  ['a JPEG', '\xff\xd8\xff\xe0\x00\x10JFIF', /an image$/],
  ['a PNG', '\x89PNG\r\n\x1a\n', /an image$/],
  ['JSON', '{"a": [1, 2, 3]}', /JSON text$/],
  ['a list of names', 'cat\ndog\nowl\nmarten\n', /apparently text$/],
];

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

describe('a file that contains no tensors', () => {
  test.each(cases)('%s is named in one line', (_, start, named) => {
    for (const decode of [decodeSafetensors, decodeNpy]) {
      let error: unknown;
      try {
        decode(bytesOf(start), { source: 'model' });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(FormatError);
      expect((error as Error).message).toMatch(named);
      expect((error as Error).message).toMatch(/^model: [^\n]+$/);
    }
  });

  test('noise is not given a name', () => {
    expect(() => decodeSafetensors(bytesOf('\xa7\x13\xff\x00\x01\xee\x92\x93\x94'), { source: 'f' })).toThrow(
      'f: not a safetensors file: its first bytes would mean a header of more than 100000000 bytes',
    );
  });
});
