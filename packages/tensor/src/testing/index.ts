export { definedOps, type OpParts, withKernels } from '../op.js';
export * from './arbitraries.js';
export { checkGradient, type GradientOptions } from './check-gradient.js';
export { finishGpuChecks, startGpuChecks } from './check-on-gpu.js';
export { type CheckOpOptions, checkOp } from './check-op.js';
