/**
 * The program, for many command lines: each line of stdin holds the arguments of one, and they run one after the other. To start a
 * program takes longer than most commands do. A line of a zero byte and the exit code ends what each writes to stdout and to stderr.
 */
import { createInterface } from 'node:readline';
import { main } from './main.js';

// Each run of the program listens to its process anew.
for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(0);

for await (const line of createInterface({ input: process.stdin })) {
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...JSON.parse(line));
  await main();
  for (const stream of [process.stdout, process.stderr]) stream.write(`\0${process.exitCode ?? 0}\n`);
  // This process itself has not failed.
  process.exitCode = undefined;
}
