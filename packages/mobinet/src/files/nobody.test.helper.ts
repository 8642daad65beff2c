/** Does something as a user with no permissions of its own, if this one, the superuser, has all: for it nothing is forbidden. */
export async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid!('nobody');
  try {
    return await work();
  } finally {
    process.seteuid!(0);
  }
}
