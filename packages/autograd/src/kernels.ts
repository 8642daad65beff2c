/** What optimizers are made of, and what a network is made of, for those who write their own of such things. */

export { modulesOf } from './module.js';
export { defineUpdate, type UpdateRule } from './optimizers/update.js';
export type { ParameterUpdate, UpdateDefinition, UpdateNumbers } from './optimizers/update-definition.js';
