import type { Communicator } from '../distributed/communicator.js';

/** The communicator that the program has opened and not closed yet. */
export const opened: { communicator: Communicator | null } = { communicator: null };
