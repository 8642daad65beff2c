export { jsonFlag } from './flags.js';
export { main } from './main.js';
export { wholeNumber } from './number-flags.js';
export { printJson, printResult, say } from './output.js';
export { runProgram } from './program.js';
export { serveSite } from './serve-site.js';
export { formatTable } from './table.js';
export { type TrainDefaults, trainCommand } from './train.js';
