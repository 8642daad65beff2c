/** Building blocks for optimizers, and for code that walks over the modules of a network or reads its files. */

export { onCompleteGradients } from './complete-gradients.js';
export { countStep, inMicroBatch, type StepCountingLayer } from './layers/micro-batch.js';
export {
  applyObservations,
  collectObservations,
  discardObservations,
  type Observation,
  type ObservingLayer,
} from './layers/observations.js';
export { modulesOf } from './module.js';
export { adamOptions } from './optimizers/adam.js';
export { defineUpdate, type UpdateRule } from './optimizers/update.js';
export type { ParameterUpdate, UpdateDefinition, UpdateNumbers } from './optimizers/update-definition.js';
export { findMisfits, type Misfits, misfitError, stateTensors } from './state-tensors.js';
