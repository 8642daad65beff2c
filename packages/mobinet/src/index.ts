export { type IdxArray, type IdxOptions, openIdx, readIdx } from './data/idx.js';
export { type ImageFolderOptions, openImageFolder } from './data/image-folder.js';
export { type ImageBatch, ImageLoader, type ImageLoaderOptions } from './data/loader.js';
export { encodeOnnx, exportOnnx } from './export/onnx.js';
export { OnnxGraph, type OnnxModelInfo } from './export/onnx-graph.js';
export { checkpointFile, metricsFile, refuseToOverwrite } from './training/run-folder.js';
export { type EpochProgress, type StepReport, train } from './training/train.js';
export { TrainingError } from './training/training-error.js';
export * from './web.js';
