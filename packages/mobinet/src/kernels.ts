/** Image resizing, for benchmarks and for custom preparation of images. */

export { resize, resizeShorterSide } from './data/resize.js';
