import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import crc32c from 'crc-32/crc32c.js';
import { DataError } from '../data/errors.js';
import { saveFile } from '../files/save-file.js';
import { explainWriteError } from '../files/write-error.js';
import type { EpochMetrics } from '../training/run.js';

/** The file name of the event file in a run folder. TensorBoard reads all files with `.tfevents.` in their names. */
export const eventFile = 'events.out.tfevents.mobinet';

/**
 * The measurements of a run as a file for TensorBoard. It is replaced when a run starts or resumes; then events are
 * appended, since TensorBoard keeps the file open.
 */
export class EventLog {
  readonly #path: string;
  #length: number;

  private constructor(path: string, length: number) {
    this.#path = path;
    this.#length = length;
  }

  /** Writes the file, with the epochs so far. @throws DataError, one line, if it cannot be written. */
  static async open(folder: string, history: readonly EpochMetrics[]): Promise<EventLog> {
    const path = join(folder, eventFile);
    const bytes = encodeEvents(history, Date.now() / 1000);
    await saveFile(path, bytes);
    return new EventLog(path, bytes.length);
  }

  /** Appends an epoch. @throws DataError, one line, if it cannot be written. The next one then takes its place. */
  async add(metrics: EpochMetrics): Promise<void> {
    const bytes = framed(encodeEpoch(metrics, Date.now() / 1000));
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, 'r+');
      const { bytesWritten } = await file.write(bytes, 0, bytes.length, this.#length);
      if (bytesWritten < bytes.length) throw new DataError(`the disk kept only a part of an event in ${this.#path}`);
      this.#length += bytes.length;
    } catch (error) {
      throw await explainWriteError(error, this.#path, bytes.length);
    } finally {
      await file?.close();
    }
  }
}

/** A whole event file. @param now The time at the end of the last epoch, in seconds since 1970. */
export function encodeEvents(history: readonly EpochMetrics[], now: number): Uint8Array {
  const version = new BinaryWriter()
    .tag(wallTime, WireType.Bit64)
    .double(now)
    .tag(fileVersion, WireType.LengthDelimited);
  const later = history.map((_, at) => history.slice(at + 1).reduce((sum, { seconds }) => sum + seconds, 0));
  return Buffer.concat([
    framed(version.string('brain.Event:2').finish()),
    ...history.map((metrics, at) => framed(encodeEpoch(metrics, now - later[at]))),
  ]);
}

// The fields of an Event, a Summary and a Summary.Value (tensorflow/core/util/event.proto, framework/summary.proto).
const [wallTime, step, fileVersion, summary] = [1, 2, 3, 5];
const value = 1;
const [tag, simpleValue] = [1, 2];

/** An Event with the numbers of an epoch. */
function encodeEpoch(metrics: EpochMetrics, time: number): Uint8Array {
  const event = new BinaryWriter();
  event.tag(wallTime, WireType.Bit64).double(time);
  event.tag(step, WireType.Varint).int64(metrics.epoch);
  event.tag(summary, WireType.LengthDelimited).fork();
  for (const [name, number] of scalarsOf(metrics)) {
    event.tag(value, WireType.LengthDelimited).fork();
    event.tag(tag, WireType.LengthDelimited).string(name);
    event.tag(simpleValue, WireType.Bit32).float(number);
    event.join();
  }
  return event.join().finish();
}

/** The numbers of an epoch by their names. TensorBoard groups them by the part before the slash. */
function scalarsOf(metrics: EpochMetrics): [name: string, value: number][] {
  const { trainLoss, trainCrossEntropy, valLoss, trainTop1, top1, top5, learningRate, imagesPerSecond } = metrics;
  const numbers: [string, number | null | undefined][] = [
    ['loss/objective', trainLoss],
    ['loss/training', trainCrossEntropy],
    ['loss/validation', valLoss],
    ['top1/training', trainTop1],
    ['top1/validation', top1],
    ['top5/validation', top5],
    ['learning_rate', learningRate],
    ['images_per_second', imagesPerSecond],
  ];
  for (const [layer, { weights, negative, flipped }] of Object.entries(metrics.signs ?? {})) {
    numbers.push([`signs_flipped/${layer}`, flipped === null ? null : flipped / weights]);
    numbers.push([`signs_negative/${layer}`, negative / weights]);
  }
  return numbers.filter((entry): entry is [string, number] => typeof entry[1] === 'number');
}

/** A record of a TFRecord file: its length and its bytes, each followed by a checksum. */
function framed(record: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(record.length + 16);
  bytes.writeBigUInt64LE(BigInt(record.length), 0);
  bytes.writeUInt32LE(maskedChecksum(bytes.subarray(0, 8)), 8);
  bytes.set(record, 12);
  bytes.writeUInt32LE(maskedChecksum(record), 12 + record.length);
  return bytes;
}

/** CRC-32C, rotated and shifted, as TensorFlow does so that checksums of checksums are not weak. */
function maskedChecksum(bytes: Uint8Array): number {
  const checksum = crc32c.buf(bytes) >>> 0;
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}
