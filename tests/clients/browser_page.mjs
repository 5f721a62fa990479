// A real browser (Debian's Chromium, headless) on a page that calls the MCP server with fetch, as a web application would.
//
//   MCP_URL=http://… MCP_TOKEN=… ORIGIN_PORT=… run browser_page.mjs
//
// The page is served from two origins on loopback: the one at ORIGIN_PORT, which the server is told of, and another one.
// Each calls a tool, sends a call without a token, and reads the metadata. Prints one JSON line: what each page could read.

import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const { MCP_URL, MCP_TOKEN, ORIGIN_PORT } = process.env;
if (!MCP_URL || !MCP_TOKEN || !ORIGIN_PORT) {
  console.error('MCP_URL, MCP_TOKEN and ORIGIN_PORT must be set');
  process.exit(64);
}

async function serve(port) {
  const page = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html').end('<title>An application</title>');
  });
  await new Promise((listening) => page.listen(port, '127.0.0.1', listening));
  return page;
}

// Runs in the page.
async function ask({ url, token }) {
  const call = async (headers) => {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          'MCP-Protocol-Version': '2025-11-25',
          ...headers,
        },
        body: JSON.stringify({
          jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list_subscriptions', arguments: {} },
        }),
      });
      return {
        status: response.status,
        body: await response.text(),
        challenge: response.headers.get('WWW-Authenticate'),
      };
    } catch (error) {
      return { error: String(error) };
    }
  };
  const metadata = async () => {
    try {
      return await (await fetch(new URL('/.well-known/oauth-protected-resource', url))).json();
    } catch (error) {
      return { error: String(error) };
    }
  };
  return {
    withToken: await call({ Authorization: `Bearer ${token}` }),
    without: await call({}),
    metadata: await metadata(),
  };
}

const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
const [own, foreign] = [await serve(Number(ORIGIN_PORT)), await serve(0)];
const browser = await chromium.launch({
  executablePath,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
  ],
});
try {
  const read = async (server) => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    return page.evaluate(ask, { url: MCP_URL, token: MCP_TOKEN });
  };
  console.log(JSON.stringify({ own: await read(own), foreign: await read(foreign) }));
} finally {
  await browser.close();
  own.close();
  foreign.close();
}
