// The functions, and some of them as methods of tensors, too. A page that has to be small imports from
// `@mobinet/tensor/functions`: a bundler can leave out functions that are not used, but not methods.
import './fluent.js';

export * from './functions.js';
