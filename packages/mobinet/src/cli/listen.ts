import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { say } from './output.js';

/** Where a server listens. */
export interface ListenOptions {
  /** 0 for any free port. */
  readonly port: number;
  readonly host: string;
  /** The flag that sets the port, for the error message. */
  readonly flag: string;
}

/**
 * Starts a server.
 *
 * @returns Its URL.
 * @throws Error, one line, if it cannot listen there.
 */
export function listen(server: Server, { port, host, flag }: ListenOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const isTaken = code === 'EADDRINUSE';
      reject(
        new Error(isTaken ? `port ${port} is already in use. Choose another ${flag}, or 0 for any free port` : message),
      );
    });
    server.listen(port, host, () => {
      // From now on, the server reports errors and continues, for example when no file handles are left.
      server.removeAllListeners('error').on('error', ({ message }) => say(`warning: ${message}`));
      const { port: found } = server.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${found}/`);
    });
  });
}
