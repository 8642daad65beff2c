/** The package in Node: all of web.ts, and reading images, training runs in folders, files and ONNX export. */

export { decodeImage, findDecoder } from './data/decode.js';
export type { DecodeOptions, Decoder } from './data/decoder.js';
export { type IdxArray, type IdxOptions, openIdx, openValidationIdx, readIdx } from './data/idx.js';
export { type ImageFolderOptions, openImageFolder, openValidationFolder } from './data/image-folder.js';
export { ImageLoader } from './data/loader.js';
export { CommunicationError } from './distributed/communication-error.js';
export { alone, type Communicator, type PendingExchange } from './distributed/communicator.js';
export type { ExchangeBuffer } from './distributed/exchange-buffer.js';
export { launchedRank } from './distributed/launch.js';
export { openCommunicator } from './distributed/open-communicator.js';
export { exportOnnx } from './export/onnx.js';
export { OnnxGraph, type OnnxModelInfo } from './export/onnx-graph.js';
export { saveFile } from './files/save-file.js';
export { openShards, openValidationShards } from './shards/open-shards.js';
export { type PackOptions, type PackResult, packShards } from './shards/pack-shards.js';
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
