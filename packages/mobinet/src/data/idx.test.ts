import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fc } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { DataError } from './errors.js';
import { differenceOf, fingerprintOf } from './fingerprint.js';
import { temporaryFolder, writeFiles } from './fixtures.test.helper.js';
import { openIdx, openValidationIdx, readIdx } from './idx.js';

function encodeIdx(shape: readonly number[], values: readonly number[]): Buffer {
  const sizes = shape.flatMap((size) => [size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255]);
  return Buffer.from([0, 0, 8, shape.length, ...sizes, ...values]);
}

const mnist = {
  'train-images-idx3-ubyte': encodeIdx([3, 1, 2], [1, 2, 3, 4, 5, 6]),
  'train-labels-idx1-ubyte': encodeIdx([3], [2, 0, 2]),
  't10k-images-idx3-ubyte.gz': gzipSync(encodeIdx([1, 1, 2], [7, 8])),
  't10k-labels-idx1-ubyte.gz': gzipSync(encodeIdx([1], [1])),
};

describe('readIdx', () => {
  test('reads plain and gzipped files', () => {
    const folder = temporaryFolder();
    const bytes = encodeIdx([2, 3], [1, 2, 3, 4, 5, 6]);
    writeFiles(folder, { plain: bytes, zipped: gzipSync(bytes) });
    for (const name of ['plain', 'zipped']) {
      const { shape, values } = readIdx(join(folder, name));
      // Not a Buffer.
      expect(Object.getPrototypeOf(values)).toBe(Uint8Array.prototype);
      expect(shape).toEqual([2, 3]);
      expect([...values]).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  test.each([
    ['an empty file', [], 'it has 0 bytes'],
    ['another magic number', [1, 0, 8, 1, 0, 0, 0, 0], 'two zero bytes'],
    ['floats', [0, 0, 13, 1, 0, 0, 0, 0], 'element type is 0xd'],
    ['no axes', [0, 0, 8, 0], '0 axes'],
    ['half a header', [0, 0, 8, 2, 0, 0, 0, 1, 0], 'within its header'],
    ['too few elements', [0, 0, 8, 1, 0, 0, 0, 2, 1], 'promises 2 elements, but 1 follow'],
    ['too many elements', [0, 0, 8, 1, 0, 0, 0, 1, 1, 2], 'promises 1 elements, but 2 follow'],
    ['a huge shape', [0, 0, 8, 3, ...new Array(12).fill(255)], 'but 0 follow'],
    ['broken gzip', [0x1f, 0x8b, 8, 0, 1], 'cannot read'],
  ])('refuses %s', (_, bytes, problem) => {
    const folder = temporaryFolder();
    writeFiles(folder, { file: Uint8Array.from(bytes) });
    expect(() => readIdx(join(folder, 'file'))).toThrow(problem);
    expect(() => readIdx(join(folder, 'file'))).toThrow(DataError);
  });

  test('any bytes give an array or a DataError of one line', () => {
    const folder = temporaryFolder();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.boolean(), (bytes, hasMagic) => {
        if (hasMagic) bytes.set([0, 0, 8].slice(0, bytes.length));
        writeFiles(folder, { file: bytes });
        try {
          const { shape, values } = readIdx(join(folder, 'file'));
          expect(values.length).toBe(shape.reduce((a, b) => a * b, 1));
        } catch (error) {
          if (!(error instanceof DataError)) throw error;
          expect(error.message).not.toContain('\n');
        }
      }),
      { numRuns: 200 },
    );
  });

  test('explains a missing file, and a folder', () => {
    expect(() => readIdx(join(temporaryFolder(), 'absent'))).toThrow(
      /there is no IDX file at .*absent\. Check the path/,
    );
    expect(() => readIdx(temporaryFolder())).toThrow(/is a folder\. Name the IDX file in it$/);
  });
});

describe('openIdx', () => {
  test('reads the four files as gray images with labels', () => {
    const folder = temporaryFolder();
    writeFiles(folder, mnist);
    const warnings: string[] = [];
    const { classes, train, val } = openIdx(folder, { onWarning: (message) => warnings.push(message) });
    expect(warnings).toEqual([
      `${join(folder, 'train-images-idx3-ubyte')} has no images of the classes 1, which cannot be learned`,
    ]);
    expect(classes).toEqual(['0', '1', '2']);
    expect([0, 1, 2].map((i) => train.label(i))).toEqual([2, 0, 2]);
    expect(train.image(1)).toEqual({ height: 1, width: 2, pixels: Uint8Array.of(3, 3, 3, 4, 4, 4) });
    expect(val.length).toBe(1);
    expect(val.name!(0)).toBe(`${join(folder, 't10k-images-idx3-ubyte.gz')}[0]`);
    expect(openIdx(folder, { limit: 3, onWarning: () => {} }).train.name!(1)).toContain('[1]');
    expect(() => openIdx(folder, { limit: 2 })).toThrow('a limit of 2 images leaves some of the 3 classes without any');
  });

  test("reads Kaggle's file names, with or without a folder around each", () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      'train-images.idx3-ubyte': mnist['train-images-idx3-ubyte'],
      'train-images-idx3-ubyte/train-images-idx3-ubyte': mnist['train-images-idx3-ubyte'],
      'train-labels-idx1-ubyte/train-labels-idx1-ubyte': mnist['train-labels-idx1-ubyte'],
      't10k-images.idx3-ubyte.gz': mnist['t10k-images-idx3-ubyte.gz'],
      't10k-labels-idx1-ubyte.gz/t10k-labels.idx1-ubyte': mnist['t10k-labels-idx1-ubyte.gz'],
    });
    const { train, val } = openIdx(folder, { onWarning: () => {} });
    expect([train.length, val.length]).toEqual([3, 1]);
  });

  test('evaluates with two of the files, even if they lack some classes', () => {
    const folder = temporaryFolder();
    const { 't10k-images-idx3-ubyte.gz': images, 't10k-labels-idx1-ubyte.gz': labels } = mnist;
    writeFiles(folder, { 't10k-images-idx3-ubyte.gz': images, 't10k-labels-idx1-ubyte.gz': labels });
    expect(openValidationIdx(folder).classes).toEqual(['0', '1']);
    expect(openValidationIdx(folder, { classes: 3 })).toMatchObject({ classes: ['0', '1', '2'], val: { length: 1 } });
    expect(() => openIdx(folder)).toThrow('train-images-idx3-ubyte nor train-images.idx3-ubyte, plain or with .gz');
  });

  test('has a fingerprint that depends on images, labels and order', () => {
    const of = (images: number[], labels: number[]) => {
      const folder = temporaryFolder();
      const train = { 'train-images-idx3-ubyte': encodeIdx([3, 1, 2], images) };
      writeFiles(folder, { ...mnist, ...train, 'train-labels-idx1-ubyte': encodeIdx([3], labels) });
      return fingerprintOf(openIdx(folder, { onWarning: () => {} }))!;
    };
    const before = of([1, 2, 3, 4, 5, 6], [2, 0, 2]);
    const difference = (images: number[], labels: number[]) =>
      differenceOf(['0', '1', '2'], before, of(images, labels));
    expect(difference([1, 2, 3, 4, 5, 6], [2, 0, 2])).toBeNull();
    expect(difference([1, 2, 3, 4, 5, 7], [2, 0, 2])).toContain('some of the 2 training images of class 2');
    expect(difference([1, 2, 3, 4, 5, 6], [2, 2, 2])).toContain('class 0 has 0 training images, but had 1');
    expect(difference([3, 4, 1, 2, 5, 6], [0, 2, 2])).toContain('some of the 1 training images of class 0');
  });

  test('explains files that are missing or do not belong together', () => {
    const folder = temporaryFolder();
    expect(() => openIdx(folder)).toThrow('train-images.idx3-ubyte, plain or with .gz');
    writeFiles(folder, { ...mnist, 'train-labels-idx1-ubyte': encodeIdx([2], [0, 1]) });
    expect(() => openIdx(folder)).toThrow('has shape [2], not [3]');
    writeFiles(folder, { ...mnist, 'train-images-idx3-ubyte': encodeIdx([3], [0, 1, 2]) });
    expect(() => openIdx(folder)).toThrow('has shape [3], not [images, height, width]');
  });
});
