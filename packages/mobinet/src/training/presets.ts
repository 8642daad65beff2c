import type { DataSummary } from '../data/source.js';
import type { ImageOptions } from '../networks/options.js';
import { paperTraining, type TrainingOptions } from './options.js';

/** Named settings for a network and its training. */
export interface Preset {
  /** Options for any kind of network. `Network.presets` adds those of a particular kind. */
  readonly model: Partial<ImageOptions>;
  /** How the network is trained. */
  readonly training: TrainingOptions;
}

/** Options that the user has chosen, which others of a preset follow. */
export type ChosenOptions = Partial<Pick<TrainingOptions, 'epochs' | 'batchSize'>>;

/**
 * The presets that a run can start from, for a given data set. Individual options can still be changed.
 *
 * @example
 * ```ts
 * import { presets } from 'mobinet';
 *
 * // 500 photos of two classes, of unknown size. A chosen number of epochs is kept.
 * const { model, training } = presets.photos({ images: 500, classes: 2, side: null }, { epochs: 20 });
 * console.log(`${model.imageSize} pixels, ${training.epochs} epochs, batches of ${training.batchSize}`);
 * // → 64 pixels, 20 epochs, batches of 16
 * ```
 */
export const presets = {
  /** For ImageNet, as in the paper, with images of 224 pixels. */
  imagenet: (): Preset => ({ model: {}, training: paperTraining }),

  /** For a few thousand images of 32 pixels, in about half a minute. */
  small: (): Preset => ({
    model: { imageSize: 32 },
    training: {
      ...paperTraining,
      epochs: 8,
      batchSize: 16,
      learningRate: 5e-3,
      schedule: 'one-cycle',
      labelSmoothing: 0.1,
      ema: 0.99,
      resize: 32,
      augment: { crop: 'center', padding: 0, paddingMode: 'zero', flip: true },
    },
  }),

  /** For one's own photos, from a few hundred to some ten thousand (docs/small-data.md). */
  photos,
} as const satisfies Record<string, (data: DataSummary, chosen: ChosenOptions) => Preset>;

/** The name of a preset. */
export type PresetName = keyof typeof presets;

/**
 * Small sets need many passes over strongly varied images, in small batches, so that there are enough steps; large ones
 * are learned in few passes, and their details are worth more pixels.
 */
function photos(data: DataSummary, chosen: ChosenOptions): Preset {
  const { images, classes, side } = data;
  const isLarge = images >= 20_000;
  const imageSize = side !== null && side <= 32 ? 32 : isLarge ? 128 : 64;
  const batchSize = chosen.batchSize ?? (isLarge ? 64 : images >= 2_000 ? 32 : 16);
  // More classes take longer to tell apart.
  const passes = (80_000 * Math.max(1, Math.sqrt(classes / 5))) / images;
  const epochs = chosen.epochs ?? Math.min(Math.max(Math.round(passes), 10), 200);
  const steps = epochs * Math.ceil(images / batchSize);
  return {
    model: { imageSize },
    training: {
      ...paperTraining,
      epochs,
      batchSize,
      learningRate: 5e-3,
      schedule: 'cosine',
      warmupEpochs: Math.round(epochs / 10),
      labelSmoothing: 0.1,
      // Averages over about the last tenth of the steps.
      ema: Math.min(Math.max(Number((1 - 10 / steps).toPrecision(4)), 0.9), 0.9999),
      // Crops of the whole image would show objects smaller than validation does, whose crop leaves out a margin.
      resize: Math.round((imageSize * 9) / 8),
      augment: {
        crop: 'resized',
        cropScale: [0.5, 1],
        cropRatio: [0.8, 1.25],
        padding: 0,
        paddingMode: 'zero',
        flip: true,
        rotate: 10,
        colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 },
      },
    },
  };
}
