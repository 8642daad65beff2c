import { findDecoder } from '../data/decode.js';
import type { ImageSource } from '../data/source.js';
import type { TrainingRun } from './run.js';

/**
 * Notes in a run what decodes its images, and warns where it was another before: then the run does not end with the same bits.
 * @throws DataError if the images are files, and there is nothing that decodes them.
 */
export async function noteDecoder(
  run: TrainingRun,
  images: ImageSource,
  onWarning: (message: string) => void = console.warn,
): Promise<void> {
  if (images.length === 0 || typeof images.image(0) !== 'string') return;
  const { name } = await findDecoder();
  if (run.decoder !== undefined && run.decoder !== name) {
    onWarning(
      `images are decoded by ${name} from here on, and were by ${run.decoder} before: their pixels may differ a little`,
    );
  }
  run.decoder = name;
}
