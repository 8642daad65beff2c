export { main } from './main.js';
export { runProgram } from './program.js';
export { type TrainDefaults, trainCommand } from './train.js';
