import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import jpeg from 'jpeg-js';
import { onTestFinished } from 'vitest';
import type { Image } from './source.js';

// Minimal encoders for images of every kind, and a folder to put them in.

/** A folder that is removed when the running test finishes. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mobinet-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files, given by their paths relative to `folder`. */
export function writeFiles(folder: string, files: Record<string, string | Uint8Array>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

/** A smooth image that differs for every `seed`. */
export function picture(height: number, width: number, seed = 0): Image {
  const pixels = new Uint8Array(height * width * 3);
  for (let i = 0; i < pixels.length; i++) {
    const pixel = Math.floor(i / 3);
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    pixels[i] = 127 + 120 * Math.sin(seed + 0.13 * row * ((i % 3) + 1) + 0.09 * column);
  }
  return { height, width, pixels };
}

export function encodeJpeg({ height, width, pixels }: Image): Buffer {
  const rgba = new Uint8Array(height * width * 4).fill(255);
  for (let i = 0; i < height * width; i++) rgba.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
  return jpeg.encode({ height, width, data: rgba }, 90).data;
}

export interface PngKind {
  /** 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA. */
  colorType: 0 | 2 | 3 | 4 | 6;
  bitDepth: 8 | 16;
  palette?: readonly number[];
}

const pngChannels = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 } as const;

/** A PNG of `samples` [height, width, channels]; the color type determines the number of channels. */
export function encodePng(
  height: number,
  width: number,
  samples: ArrayLike<number>,
  { colorType, bitDepth, palette }: PngKind = { colorType: 2, bitDepth: 8 },
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bitDepth, colorType], 8);
  const perRow = width * pngChannels[colorType];
  const rows: number[] = [];
  for (let row = 0; row < height; row++) {
    rows.push(0); // Filter: none.
    for (let i = row * perRow; i < (row + 1) * perRow; i++) {
      if (bitDepth === 16) rows.push(samples[i] >> 8);
      rows.push(samples[i] & 255);
    }
  }
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    ...(palette ? [pngChunk('PLTE', Buffer.from(palette))] : []),
    pngChunk('IDAT', deflateSync(Buffer.from(rows))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

export function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

/**
 * An animated GIF of 128 colors, where color i is (i, 2i, 0); each frame lists the colors of its pixels. It is
 * uncompressed: codes keep 8 bits as long as the table of sequences is cleared in time.
 */
export function encodeGif(height: number, width: number, frames: readonly (readonly number[])[]): Buffer {
  const u16 = (value: number): number[] => [value & 255, value >> 8];
  const bytes = [...Buffer.from('GIF89a'), ...u16(width), ...u16(height), 0x86, 0, 0];
  for (let i = 0; i < 128; i++) bytes.push(i, 2 * i, 0);
  for (const frame of frames) {
    bytes.push(0x2c, 0, 0, 0, 0, ...u16(width), ...u16(height), 0, 7);
    for (let i = 0; i < frame.length; i += 100) {
      const run = frame.slice(i, i + 100);
      bytes.push(1 + run.length, 0x80, ...run);
    }
    bytes.push(1, 0x81, 0);
  }
  return Buffer.from([...bytes, 0x3b]);
}
