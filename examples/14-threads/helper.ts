// The script of a helper thread: sleeps until there is a job, does its part, and says how much it did.
import { parentPort, workerData } from 'node:worker_threads';
import { type Job, takeChunks } from './job.js';

const { job, start } = workerData as { job: Job; start: Int32Array };
parentPort!.postMessage('ready');
Atomics.wait(start, 0, 0);
parentPort!.postMessage(takeChunks(job));
