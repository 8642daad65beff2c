/**
 * Runs many command lines in one process, since starting a process takes longer than most commands. Each line of stdin
 * holds the arguments of one command line; they run one after the other. On stdout and on stderr, a line of a zero byte
 * and the exit code ends the output of each.
 */
import { createInterface } from 'node:readline';
import { main } from './main.js';

// Each command line adds its own listeners.
for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(0);

for await (const line of createInterface({ input: process.stdin })) {
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...JSON.parse(line));
  await main();
  for (const stream of [process.stdout, process.stderr]) stream.write(`\0${process.exitCode ?? 0}\n`);
  // The exit code of this process itself is not that of a command.
  process.exitCode = undefined;
}
