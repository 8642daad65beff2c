/**
 * Imported by a program, or before it: ends it quietly when nobody reads its output any more, as in
 * `npm run chapter 4 | head`.
 */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});
