/** The GPU kernels that ops call through `gpuKernels`. */
export * from './ops/bits/bits.wgsl.js';
export * from './ops/conv2d/conv2d.wgsl.js';
export * from './ops/conv2d/conv2d-filter-gradient.wgsl.js';
export * from './ops/conv2d/conv2d-input-gradient.wgsl.js';
export * from './ops/dropout/dropout.wgsl.js';
export * from './ops/elementwise/elementwise.wgsl.js';
export * from './ops/elementwise/prelu.wgsl.js';
export * from './ops/matmul/matmul.wgsl.js';
export * from './ops/norm/group-norm.wgsl.js';
export * from './ops/norm/norm.wgsl.js';
export * from './ops/pool/pool.wgsl.js';
export * from './ops/reduce/sum.wgsl.js';
export * from './ops/resample/interpolate.wgsl.js';
export * from './ops/shape/copy-block.wgsl.js';
export * from './ops/shape/gather.wgsl.js';
export * from './ops/softmax/softmax.wgsl.js';
