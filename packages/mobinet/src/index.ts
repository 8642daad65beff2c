/** The package in Node: all of web.ts, and reading images, training runs in folders, files and ONNX export. */

export { decodeImage, findDecoder } from './data/decode.js';
export type { DecodeOptions, Decoder } from './data/decoder.js';
export { type IdxArray, type IdxOptions, openIdx, openValidationIdx, readIdx } from './data/idx.js';
export { type ImageFolderOptions, openImageFolder, openValidationFolder } from './data/image-folder.js';
export { type ImageBatch, ImageLoader } from './data/loader.js';
export type { ImageLoaderOptions } from './data/loader-options.js';
export type { Mixup } from './data/mixup.js';
export { exportOnnx } from './export/onnx.js';
export { OnnxGraph, type OnnxModelInfo } from './export/onnx-graph.js';
export { saveFile } from './files/save-file.js';
export { bestEpoch } from './training/best.js';
export type { EpochProgress, StepReport } from './training/epoch.js';
export {
  type Agreement,
  comparePacked,
  exportOptionsOf,
  packedFile,
  readCheckpoint,
  readPacked,
  writePacked,
} from './training/files.js';
export { fitMicroBatches, type StepFit } from './training/fit-memory.js';
export { initializeFrom } from './training/initialize.js';
export { type OwnFolder, ownFolder, ownNewFolder } from './training/own-folder.js';
export { bestFile, checkpointFile, metricsFile, refuseToOverwrite } from './training/run-folder.js';
export { readTeacher, type Teacher } from './training/teacher.js';
export { type TrainOptions, type TrainResult, train } from './training/train.js';
export { TrainingError } from './training/training-error.js';
export * from './web.js';
