import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import type { EpochMetrics } from '../training/run.js';
import { EventLog, encodeEvents, eventFile } from './event-log.js';

const folder = sharedFolder();

const metrics = (epoch: number): EpochMetrics => ({
  epoch,
  trainLoss: 2,
  valLoss: 1.5,
  trainCrossEntropy: 1.25,
  trainTop1: 40,
  top1: 50 + epoch,
  top5: null,
  learningRate: 0.125,
  imagesPerSecond: 64,
  seconds: 10,
  signs: { 'units.0.weight': { weights: 8, negative: 2, flipped: epoch === 1 ? null : 1 } },
});

/** CRC-32C bit by bit: the definition. */
function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f63b78 : 0);
  }
  return ~sum >>> 0;
}

const masked = (sum: number): number => (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;

/** The records of a TFRecord file, whose checksums are verified. */
function recordsOf(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const record = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 8)).toBe(masked(crc32c(file.subarray(at, at + 8))));
    expect(file.readUInt32LE(at + 12 + length)).toBe(masked(crc32c(record)));
    records.push(record);
    at += 16 + length;
  }
  return records;
}

/** The fields of a protobuf message with small numbers: varints and floats as numbers, anything else as bytes. */
function fieldsOf(bytes: Buffer): [field: number, value: number | Buffer][] {
  if (bytes.length === 0) return [];
  const [field, kind] = [bytes[0] >> 3, bytes[0] & 7];
  const [value, size] = firstValue(bytes.subarray(1), kind);
  return [[field, value], ...fieldsOf(bytes.subarray(1 + size))];
}

/** The value at the start of `bytes`, and its size. */
function firstValue(bytes: Buffer, kind: number): [value: number | Buffer, size: number] {
  if (kind === 0) return [bytes[0], 1];
  if (kind === 1) return [bytes.readDoubleLE(0), 8];
  if (kind === 5) return [bytes.readFloatLE(0), 4];
  const start = bytes[0] > 127 ? 2 : 1;
  const length = start === 2 ? (bytes[0] & 127) | (bytes[1] << 7) : bytes[0];
  return [bytes.subarray(start, start + length), start + length];
}

function scalarsOf(record: Buffer): { time: number; step: number; scalars: Record<string, number> } {
  const [[, time], [, step], [, summary]] = fieldsOf(record) as [[1, number], [2, number], [5, Buffer]];
  const values = fieldsOf(summary).map(([, value]) => fieldsOf(value as Buffer) as [[1, Buffer], [2, number]]);
  return { time, step, scalars: Object.fromEntries(values.map(([[, tag], [, value]]) => [String(tag), value])) };
}

describe('the file for TensorBoard', () => {
  test('holds the version and the numbers of each epoch, with their times and checksums', () => {
    const [version, ...epochs] = recordsOf(Buffer.from(encodeEvents([metrics(1), metrics(2)], 1000)));
    expect(fieldsOf(version)).toEqual([
      [1, 1000],
      [3, Buffer.from('brain.Event:2')],
    ]);
    const scalars = {
      'loss/objective': 2,
      'loss/training': 1.25,
      'loss/validation': 1.5,
      'top1/training': 40,
      learning_rate: 0.125,
      images_per_second: 64,
      'signs_negative/units.0.weight': 0.25,
    };
    expect(epochs.map(scalarsOf)).toEqual([
      { time: 990, step: 1, scalars: { ...scalars, 'top1/validation': 51 } },
      { time: 1000, step: 2, scalars: { ...scalars, 'top1/validation': 52, 'signs_flipped/units.0.weight': 0.125 } },
    ]);
  });

  test('grows by an event per epoch, and replaces that of a run before', async () => {
    const path = join(folder, eventFile);
    const stepsIn = (): number[] =>
      recordsOf(readFileSync(path))
        .slice(1)
        .map((record) => scalarsOf(record).step);
    const log = await EventLog.open(folder, []);
    expect(stepsIn()).toEqual([]);
    await log.add(metrics(1));
    await log.add(metrics(2));
    expect(stepsIn()).toEqual([1, 2]);
    const resumed = await EventLog.open(folder, [metrics(1)]);
    await resumed.add(metrics(2));
    expect(stepsIn()).toEqual([1, 2]);
  });

  test('reports in one line that it cannot be written', async () => {
    const gone = join(folder, 'gone');
    await mkdir(gone);
    const log = await EventLog.open(gone, []);
    await rm(gone, { recursive: true });
    await expect(log.add(metrics(1))).rejects.toThrow(/^cannot write .*gone.*$/);
  });
});
