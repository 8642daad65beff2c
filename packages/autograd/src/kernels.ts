/** What optimizers are made of, and what a network is made of, for those who write their own of such things. */

export { modulesOf } from './module.js';
export { type ParameterUpdate, type UpdateFormula, UpdateKernel } from './optimizers/update.wasm.js';
