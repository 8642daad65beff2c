import { findDecoder } from '../data/decode.js';
import { type ImageSource, isInMemory } from '../data/source.js';
import type { TrainingRun } from './run.js';

/**
 * Records the image decoder in a run, and warns if it differs from the one before, since then the run does not end with
 * the same bits.
 *
 * @throws DataError if the images are files and no decoder is installed.
 */
export async function recordDecoder(
  run: TrainingRun,
  images: ImageSource,
  onWarning: (message: string) => void = console.warn,
): Promise<void> {
  if (images.length === 0 || isInMemory(await images.image(0))) return;
  const { name } = await findDecoder();
  if (run.decoder !== undefined && run.decoder !== name) {
    onWarning(`images are now decoded by ${name}, not by ${run.decoder} as before: their pixels may differ slightly`);
  }
  run.decoder = name;
}
