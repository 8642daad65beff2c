import { setThreads } from '@mobinet/tensor';
import { Command } from 'commander';
import { jsonFlag, printJson, printResult, runProgram, say, wholeNumber } from 'mobinet/cli';
import { bitConvolutions, bitGemm } from './bits.js';
import { gemm, gradients } from './floats.js';
import { machine } from './machine.js';
import { formatSection } from './report.js';
import { type Result, runBenchmark, type Section } from './section.js';

const sections: readonly Section[] = [bitGemm, bitConvolutions, gemm, gradients];

const program = new Command('bench')
  .description('times kernels: on bits against floats, by lookup against multiply-adds, on two threads against one')
  .option('--filter <text>', 'only the benchmarks that have this in their name, such as gradients or 784')
  .option('--threads <number>', 'threads of contenders that do not say their own', wholeNumber(1), 1)
  .option(...jsonFlag)
  .action(run);

async function run({
  filter = '',
  threads,
  json,
}: {
  filter?: string;
  threads: number;
  json?: boolean;
}): Promise<void> {
  const chosen = sections.flatMap((section) =>
    section.benchmarks
      .filter(({ name }) => `${section.title} ${name}`.includes(filter))
      .map((benchmark) => ({ section, benchmark })),
  );
  if (chosen.length === 0) throw new RangeError(`no benchmark has "${filter}" in its name`);
  if (!json) printResult(`${machine().cpu}, ${machine().node}; medians of five turns`);
  const results: Result[] = [];
  for (const [index, { section, benchmark }] of chosen.entries()) {
    say(`${index + 1}/${chosen.length} ${section.title} ${benchmark.name} …`);
    results.push(await runBenchmark(section, benchmark, threads));
    const ofSection = results.filter((result) => result.section === section.title);
    if (!json && chosen[index + 1]?.section !== section) printResult(`\n${formatSection(section, ofSection)}`);
  }
  if (json) printJson({ ...machine(), threads, results });
  await setThreads(1);
}

await runProgram(program);
