/** How images are scaled, for those who measure it or prepare images in ways of their own. */

export { resize, resizeShorterSide } from './data/resize.js';
