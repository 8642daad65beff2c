/** What optimizers are made of, for those who write one. */

export { type ParameterUpdate, type UpdateFormula, UpdateKernel } from './optimizers/update.wasm.js';
