const commonErrors = new WeakSet<object>();

/** Marks an error that all ranks throw at the same point. */
export function markCommon<E>(error: E): E {
  if (typeof error === 'object' && error !== null) commonErrors.add(error);
  return error;
}

/** Whether all ranks have thrown this error at the same point, so that one of them can report it for all. */
export const isCommon = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && commonErrors.has(error);
