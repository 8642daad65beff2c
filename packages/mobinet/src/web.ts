/** What runs anywhere, web pages included: networks, their training step by step, and packed models. */
export {
  type Augmentation,
  centerCrop,
  imageNetNormalization,
  type Normalization,
  randomCropAndFlip,
} from './data/augment.js';
export { DataError } from './data/errors.js';
export { imageFromRgba } from './data/image-from-rgba.js';
export { type Preprocessing, prepareImages } from './data/prepare.js';
export type { Image, ImageDataset, ImageSource, ValidationSet } from './data/source.js';
export { importWeights } from './export/import-weights.js';
export { packModel } from './export/pack.js';
export { decodePacked, type PackedFile } from './export/packed-file.js';
export type { PackedInfo } from './export/packed-format.js';
export type { PackedSegment } from './export/packed-layers.js';
export {
  type LayerReport,
  loadPacked,
  PackedMoBiNet,
  unpackModel,
} from './export/packed-model.js';
export { loadNetwork, type NetworkInfo, PackedNetwork, packNetwork, unpackNetwork } from './export/packed-network.js';
export type { Prediction } from './export/prediction.js';
export { createMoBiNet, MoBiNet } from './model/mobinet.js';
export { type Block, defaultOptions, type MoBiNetOptions, resolveOptions, type Skip } from './model/options.js';
export { type NetworkPlan, planNetwork, type SegmentPlan, type UnitPlan } from './model/plan.js';
export {
  convMultiplyAdds,
  countFlops,
  type LayerSummary,
  type MultiplyAdds,
  type NetworkSummary,
  summary,
} from './model/summary.js';
export { type Evaluation, evaluate } from './training/evaluate.js';
export { paperTraining, type TrainingOptions } from './training/options.js';
export { decodeCheckpoint, type EpochMetrics, encodeCheckpoint, newRun, type TrainingRun } from './training/run.js';
