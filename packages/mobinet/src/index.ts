export {
  type Augmentation,
  centerCrop,
  imageNetNormalization,
  type Normalization,
  randomCropAndFlip,
} from './data/augment.js';
export { DataError } from './data/errors.js';
export { type IdxArray, type IdxOptions, openIdx, readIdx } from './data/idx.js';
export { type ImageFolderOptions, openImageFolder } from './data/image-folder.js';
export { type ImageBatch, ImageLoader, type ImageLoaderOptions } from './data/loader.js';
export type { Image, ImageDataset, ImageSource } from './data/source.js';
export { importWeights } from './export/import-weights.js';
export { encodeOnnx, exportOnnx } from './export/onnx.js';
export { packModel } from './export/pack.js';
export { decodePacked, type PackedFile } from './export/packed-file.js';
export type { PackedInfo, Preprocessing } from './export/packed-format.js';
export { loadPacked, PackedMoBiNet } from './export/packed-model.js';
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
export {
  checkpointFile,
  type EpochProgress,
  metricsFile,
  refuseToOverwrite,
  type StepReport,
  TrainingError,
  train,
} from './training/train.js';
