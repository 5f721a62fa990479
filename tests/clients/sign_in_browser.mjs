// The browser of the Node clients: signs a person in at the emulator without a window.
//
// SIGN_IN is what the person does, as a query: `emulator_person=bob&emulator_consent=accept&emulator_mfa=true`; the
// second factor only if it is asked for. A client that opens a real browser finds this one as `bin/xdg-open`; it calls
// the redirect URI and appends a line to the file BROWSER_LOG. Codes and tokens are never noted.

import { appendFileSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SECOND_FACTOR = 'emulator_mfa';

/** Where the sign-in page is: what stands in front of Entra ID sends a person on to it, or shows them a page itself. */
async function signInPage(url) {
  if (url.pathname.endsWith('/oauth2/v2.0/authorize')) return { page: url };
  const response = await fetch(url, { redirect: 'manual' });
  if (response.status === 302) return { page: new URL(response.headers.get('location')) };
  return { stopped: `a page: ${(await response.text()).match(/<title>(.*?)<\/title>/)?.[1]}` };
}

/** Follows an authorize URL; answers with where the person is sent, and a note of what was asked. */
export async function visit(address, { drop = [] } = {}) {
  const url = new URL(address);
  for (const name of drop) url.searchParams.delete(name);
  const asked = (name) => url.searchParams.get(name);
  const note = {
    prompt: asked('prompt'),
    resource: asked('resource'),
    scope: (asked('scope') ?? '').split(' ').filter(Boolean),
    claims: asked('claims') !== null,
    second_factor: false,
  };
  const { page, stopped } = await signInPage(url);
  if (stopped) {
    note.answer = stopped;
    return { note, location: null };
  }
  const deeds = [...new URLSearchParams(process.env.SIGN_IN)];
  let response;
  // Nobody proves more than they are asked for.
  for (const willing of [deeds.filter(([name]) => name !== SECOND_FACTOR), deeds]) {
    const target = new URL(page);
    for (const [name, value] of willing) target.searchParams.append(name, value);
    response = await fetch(target, { redirect: 'manual' });
    if (response.status === 302) break;
    note.second_factor = true;
  }
  if (response.status !== 302) {
    note.answer = `a page: ${(await response.text()).match(/<title>(.*?)<\/title>/)?.[1]}`;
    return { note, location: null };
  }
  const location = new URL(response.headers.get('location'));
  const answer = location.searchParams;
  note.answer = answer.has('code') ? 'code' : (answer.get('error_description') ?? '').split(/\r?\n/)[0];
  return { note, location };
}

/** Tells whoever runs the script that the first call is answered, and waits until they answer: time passes meanwhile. */
export async function afterFirstCall() {
  if (process.env.AFTER_FIRST_CALL) await fetch(process.env.AFTER_FIRST_CALL);
}

/** Calls the redirect URI, once somebody listens there. */
async function callBack(location) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      await fetch(location);
      return;
    } catch {
      await sleep(50);
    }
  }
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { note, location } = await visit(process.argv[2]);
  appendFileSync(process.env.BROWSER_LOG, `${JSON.stringify(note)}\n`);
  if (location) await callBack(location);
}
