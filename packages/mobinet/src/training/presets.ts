import type { ImageOptions } from '../networks/options.js';
import { paperTraining, type TrainingOptions } from './options.js';

/** Named settings for a network and its training. */
export interface Preset {
  /** Options for any kind of network. `Network.presets` adds those of a particular kind. */
  readonly model: Partial<ImageOptions>;
  readonly training: TrainingOptions;
}

/** The presets that a run can start from. Individual options can still be changed. */
export const presets = {
  /** For ImageNet, as in the paper, with images of 224 pixels. */
  imagenet: { model: {}, training: paperTraining },

  /** For a few thousand images of 32 pixels, in less than a minute. */
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

/** The name of a preset. */
export type PresetName = keyof typeof presets;
