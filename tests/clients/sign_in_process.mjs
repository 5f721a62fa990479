// What the clients that are programs of their own have in common: a home of their own, a port to be called back on,
// a browser without a window, and the log of its visits.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A place for one run of a client; `close` removes it with everything the client stored. */
export class Place {
  #home = mkdtempSync(join(tmpdir(), 'mcp-client-'));
  #log = join(this.#home, 'visits');

  /** The environment of the client. `xdg-open` is ours, wherever it looks for one. */
  get env() {
    const bin = fileURLToPath(new URL('bin', import.meta.url));
    return {
      HOME: this.#home,
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      BROWSER: join(bin, 'xdg-open'),
      BROWSER_LOG: this.#log,
      SIGN_IN: process.env.SIGN_IN,
      CA_FILE: process.env.CA_FILE ?? '',
      NODE_EXTRA_CA_CERTS: process.env.CA_FILE ?? '',
    };
  }

  get signIns() {
    if (!existsSync(this.#log)) return [];
    return readFileSync(this.#log, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  path(name) {
    return join(this.#home, name);
  }

  close() {
    rmSync(this.#home, { recursive: true, force: true });
  }
}

/** A port of loopback that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Where a package of this folder has `file`. */
export function packaged(name, file) {
  return fileURLToPath(new URL(`node_modules/${name}/${file}`, import.meta.url));
}

/** The version of a package of this folder. */
export function packageVersion(name) {
  return JSON.parse(readFileSync(packaged(name, 'package.json'))).version;
}
