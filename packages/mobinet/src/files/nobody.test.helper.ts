/** Runs `work` as the user nobody if this process runs as the superuser, for whom no permission is ever missing. */
export async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid!('nobody');
  try {
    return await work();
  } finally {
    process.seteuid!(0);
  }
}
