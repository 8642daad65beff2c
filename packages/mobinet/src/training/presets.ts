import type { ImageOptions } from '../networks/options.js';
import { paperTraining, type TrainingOptions } from './options.js';

export interface Preset {
  /** What it sets of any network; a network adds what it has of its own (`Network.presets`). */
  readonly model: Partial<ImageOptions>;
  readonly training: TrainingOptions;
}

/** Settings to start from; single options can still be changed. */
export const presets = {
  /** As in the paper, for ImageNet: images of 224 pixels. */
  imagenet: { model: {}, training: paperTraining },

  /** For a few thousand small images and less than a minute: 32 pixels. */
  small: {
    model: { imageSize: 32 },
    training: {
      ...paperTraining,
      epochs: 4,
      batchSize: 16,
      learningRate: 5e-3,
      schedule: 'one-cycle',
      labelSmoothing: 0.1,
      resize: 32,
      augment: { crop: 'center', padding: 0, paddingMode: 'zero', flip: true },
    },
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;
