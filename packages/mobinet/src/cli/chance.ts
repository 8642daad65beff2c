import { withHelp } from '@mobinet/tensor/kernels';
import type { ImageSource } from '../data/source.js';
import type { TrainingRun } from '../training/run.js';

/**
 * A warning for a finished run whose network has learned nothing that its validation could show: the best top-1 is at
 * most two standard deviations above that of always answering with the largest class. Null if it has learned.
 *
 * @param best The best top-1 of the run, in percent.
 */
export function chanceWarning(best: number, { classes }: TrainingRun, val: ImageSource): string | null {
  const counts = new Array<number>(classes.length).fill(0);
  for (let index = 0; index < val.length; index++) counts[val.label(index)]++;
  const largest = counts.indexOf(Math.max(...counts));
  const chance = counts[largest] / val.length;
  const deviation = Math.sqrt((chance * (1 - chance)) / val.length);
  if (best / 100 > chance + 2 * deviation) return null;
  const constant = `always answering ${JSON.stringify(classes[largest])}, which is right for ${(100 * chance).toFixed(2)} %`;
  return withHelp(`warning: on ${val.length} images, top-1 cannot be told from ${constant}`, 'accuracy-at-chance');
}
