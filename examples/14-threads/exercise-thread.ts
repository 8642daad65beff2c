// The script of a thread that calls a function of the exercises, as soon as the test opens the start.
import { parentPort, workerData } from 'node:worker_threads';
import { exercise } from '../lib/exercise.js';

const module = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);
const { name, calls, start } = workerData as { name: keyof typeof module; calls: unknown[][]; start: Int32Array };
parentPort!.postMessage('ready');
Atomics.wait(start, 0, 0);
for (const call of calls) (module[name] as (...args: unknown[]) => unknown)(...call);
