// A real browser (Debian's Chromium, headless) at the sign-in page, as a person would use it: clicks, no shortcuts.
//
//   CA_FILE=ca.pem run browser_sign_in.mjs STEPS URL [SCREENSHOTS]
//
// URL is an authorize URL, with the redirect URI http://127.0.0.1/callback: the script is the client. STEPS is a comma separated list: `pick:Alice Abel`, `approve`, `accept`, `cancel`,
// `shot:NAME` (a picture into the folder SCREENSHOTS). Prints one JSON line: the titles of the pages that were
// shown, the text of the last one, and where the browser was sent in the end. Exit code 0, or 1 with the reason.

import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { chromium } from 'playwright-core';

const [steps, url, screenshots] = process.argv.slice(2);
if (steps === undefined || !url) {
  console.error('usage: browser_sign_in.mjs STEPS URL [SCREENSHOTS]');
  process.exit(64);
}

// Chromium trusts this one server by the key of its certificate, which Node has verified with the emulator's
// authority; nothing else on the machine becomes trusted.
async function trusted(address, caFile) {
  const { hostname: host, port } = new URL(address);
  const raw = await new Promise((resolve, reject) => {
    const socket = connect({ host, port, servername: host, ca: readFileSync(caFile) }, () => {
      resolve(socket.getPeerCertificate().raw);
      socket.end();
    });
    socket.on('error', reject);
  });
  const spki = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64');
}

// Where TLS is spoken: at the address itself, or at the one that it sends a browser on to.
async function overTls(address) {
  if (new URL(address).protocol === 'https:') return address;
  return (await fetch(address, { redirect: 'manual' })).headers.get('location');
}

function chromiumPath() {
  return execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
}

// The client that the answer is for: notes the address it is called with.
let sentTo = null;
const client = createServer((request, response) => {
  sentTo ??= new URL(request.url, 'http://127.0.0.1');
  response.setHeader('Content-Type', 'text/html').end('<title>Client</title>back at the client');
});
await new Promise((listening) => client.listen(0, '127.0.0.1', listening));
const target = new URL(url);
if (target.searchParams.get('redirect_uri') === 'http://127.0.0.1/callback') {
  target.searchParams.set('redirect_uri', `http://127.0.0.1:${client.address().port}/callback`);
}

const tls = await overTls(target);
const keys = tls ? [`--ignore-certificate-errors-spki-list=${await trusted(tls, process.env.CA_FILE)}`] : [];
const browser = await chromium.launch({
  executablePath: chromiumPath(),
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
    ...keys,
  ],
});

try {
  const context = await browser.newContext({ viewport: { width: 900, height: 720 } });
  const page = await context.newPage();
  const titles = [];
  const seen = async () => titles.push(await page.title());
  await page.goto(target.href);
  await seen();
  for (const step of steps.split(',').filter(Boolean)) {
    const [verb, what] = step.split(':');
    const buttons = { pick: what, approve: 'Approve', accept: 'Accept', cancel: 'Cancel' };
    if (verb === 'shot') {
      await page.screenshot({ path: join(screenshots, `${what}.png`) });
      continue;
    }
    await page.getByRole('button', { name: buttons[verb] }).click({ timeout: 10_000 });
    await page.waitForLoadState();
    await seen();
  }
  const text = (await page.innerText('body')).slice(0, 2_000);
  const answer = sentTo && Object.fromEntries(sentTo.searchParams);
  // A code is a credential: that there is one is all that is said of it.
  if (answer?.code) answer.code = 'present';
  console.log(JSON.stringify({ titles, text, answer }));
} finally {
  await browser.close();
  client.close();
}
