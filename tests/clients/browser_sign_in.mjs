// A real browser (Debian's Chromium, headless) at the sign-in page, as a person would use it: clicks, no shortcuts.
//
//   CA_FILE=ca.pem run browser_sign_in.mjs STEPS URL [SCREENSHOTS]
//
// URL is an authorize URL. STEPS is a comma separated list: `pick:Alice Abel`, `approve`, `accept`, `cancel`,
// `shot:NAME` (a picture into the folder SCREENSHOTS). Prints one JSON line: the titles of the pages that were
// shown, the text of the last one, and where the browser was sent in the end. Exit code 0, or 1 with the reason.

import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [steps, url, screenshots] = process.argv.slice(2);
if (!steps || !url) {
  console.error('usage: browser_sign_in.mjs STEPS URL [SCREENSHOTS]');
  process.exit(64);
}

// Chromium trusts the emulator's certificate by its key alone: nothing else on this machine becomes trusted.
function trusted(caFile) {
  const spki = new X509Certificate(readFileSync(caFile)).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64');
}

function chromiumPath() {
  return execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
}

const browser = await chromium.launch({
  executablePath: chromiumPath(),
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
    `--ignore-certificate-errors-spki-list=${trusted(process.env.CA_FILE)}`,
  ],
});

try {
  const context = await browser.newContext({ viewport: { width: 900, height: 720 } });
  const page = await context.newPage();
  // Where the answer goes is a client that does not run here: note the address and stop.
  let sentTo = null;
  await context.route((target) => target.pathname === '/callback', (route) => {
    sentTo = route.request().url();
    return route.fulfill({ status: 200, contentType: 'text/html', body: '<title>Client</title>back at the client' });
  });
  const titles = [];
  const seen = async () => titles.push(await page.title());
  await page.goto(url);
  await seen();
  for (const step of steps.split(',')) {
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
  const answer = sentTo && Object.fromEntries(new URL(sentTo).searchParams);
  // A code is a credential: that there is one is all that is said of it.
  if (answer?.code) answer.code = 'present';
  console.log(JSON.stringify({ titles, text, answer }));
} finally {
  await browser.close();
}
