/** Everything that runs anywhere, including web pages: networks, training step by step, and packed models. */
export {
  type Augmentation,
  centerCrop,
  imageNetNormalization,
  type Normalization,
  randomCropAndFlip,
} from './data/augment.js';
export type { BatchLoader, CutBatch, EpochOptions, ImageBatch } from './data/batch-loader.js';
export type { ColorJitter } from './data/color-jitter.js';
export { DataError } from './data/errors.js';
export { type ImageArrays, imagesFromArrays } from './data/image-arrays.js';
export { type Bitmap, imageFromBitmap, imageFromBlob } from './data/image-from-blob.js';
export { imageFromPicture, type Picture } from './data/image-from-picture.js';
export { imageFromRgba } from './data/image-from-rgba.js';
export type { ImageLoaderOptions } from './data/loader-options.js';
export type { Mixup } from './data/mixup.js';
export { type Preprocessing, prepareImages } from './data/prepare.js';
export type { RandomErasing } from './data/random-erasing.js';
export type { Interval, RectangleOptions } from './data/random-rectangle.js';
export type { Image, ImageDataset, ImageInput, ImagePass, ImageSource, ValidationSet } from './data/source.js';
export { ImageLoader } from './data/web-loader.js';
export { type Classifier, createClassifier, loadClassifier } from './export/classifier.js';
export { type ImportOptions, importWeights } from './export/import-weights.js';
export { type ExportOptions, packModel } from './export/pack.js';
export type { PackedInfo } from './export/packed-info.js';
export { type LayerReport, loadPacked, PackedModel, unpackModel } from './export/packed-model.js';
export type { Prediction } from './export/prediction.js';
export { createMoBiNet, MoBiNet } from './networks/mobinet/mobinet.js';
export { mobinet } from './networks/mobinet/network.js';
export type { Block, MoBiNetOptions, Skip } from './networks/mobinet/options.js';
export { type NetworkPlan, planNetwork, type SegmentPlan, type UnitPlan } from './networks/mobinet/plan.js';
export {
  defineNetwork,
  type Network,
  type NetworkDefinition,
  networkNamed,
  registerNetwork,
} from './networks/network.js';
export type { ImageOptions, NetworkOption, OptionSchema, OptionsOf } from './networks/options.js';
export { countFlops, type MultiplyAdds } from './summary/flops.js';
export { drawGraph } from './summary/graph.js';
export { type LayerSummary, type NetworkSummary, summary } from './summary/summary.js';
export { decodeCheckpoint, encodeCheckpoint } from './training/checkpoint.js';
export { type Distillation, distillationDefaults, type TeacherRecord } from './training/distillation.js';
export { type EvaluateOptions, type Evaluation, evaluate } from './training/evaluate.js';
export {
  exchangeNames,
  makeOptimizer,
  makeSchedule,
  optimizerNames,
  paperTraining,
  scheduleNames,
  type TrainingOptions,
} from './training/options.js';
export { type Preset, type PresetName, presets } from './training/presets.js';
export {
  type EpochMetrics,
  evaluatedModel,
  type ImageLocation,
  type NewRun,
  newRun,
  type Progress,
  type TrainingRun,
} from './training/run.js';
