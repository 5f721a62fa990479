// Microsoft's own Node client (@azure/msal-node) doing On-Behalf-Of, unchanged, against an authority.
//
//   OBO_AUTHORITY=https://localhost:8443/<tenant> OBO_CLIENT_ID=... OBO_CERTIFICATE=pair.pem \
//   OBO_ASSERTION=<the user's token> CA_FILE=ca.pem run msal_node_obo.mjs [--claims JSON] [--cp1] [--sha1]
//
// OBO_CERTIFICATE is a PEM file with the private key and its certificate. Prints one JSON line: whether a
// token came and when it expires (never the token itself: its SHA-256), or what the authority answered.
// Exit code 0 with a token, 3 if the authority refused, 1 if it never came to an answer.

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { AuthError, ConfidentialClientApplication } from '@azure/msal-node';

const ARM = 'https://management.azure.com/.default';

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

function packageVersion(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}

function credential(sha1) {
  const pem = readFileSync(setting('OBO_CERTIFICATE'), 'utf8');
  const certificate = new X509Certificate(pem);
  const privateKey = createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' });
  const hex = (fingerprint) => fingerprint.replaceAll(':', '').toLowerCase();
  return sha1
    ? { privateKey, thumbprint: hex(certificate.fingerprint) }
    : { privateKey, thumbprintSha256: hex(certificate.fingerprint256) };
}

async function acquire({ claims, cp1, sha1 }) {
  const authority = setting('OBO_AUTHORITY');
  const application = new ConfidentialClientApplication({
    auth: {
      authority,
      clientId: setting('OBO_CLIENT_ID'),
      clientCertificate: credential(sha1),
      clientCapabilities: cp1 ? ['cp1'] : [],
      knownAuthorities: [new URL(authority).host],
    },
  });
  const scopes = [process.env.OBO_SCOPE ?? ARM];
  return application.acquireTokenOnBehalfOf({ oboAssertion: setting('OBO_ASSERTION'), scopes, claims });
}

function granted(answer) {
  return {
    ok: true,
    token_sha256: createHash('sha256').update(answer.accessToken).digest('hex'),
    expires_in: Math.round((answer.expiresOn.getTime() - Date.now()) / 1000),
    token_type: answer.tokenType,
    scope: answer.scopes.join(' '),
    source: answer.fromCache ? 'cache' : 'identity_provider',
  };
}

function refused(error) {
  return {
    ok: false,
    type: error.constructor.name,
    error: error.errorCode,
    suberror: error.subError,
    error_codes: error.errorNo ? [Number(error.errorNo)] : undefined,
    error_description: error.errorMessage,
    claims: error.claims || undefined,
  };
}

async function main() {
  const { values } = parseArgs({
    options: { claims: { type: 'string' }, cp1: { type: 'boolean' }, sha1: { type: 'boolean' } },
  });
  const client = `@azure/msal-node ${packageVersion('@azure/msal-node')}`;
  let outcome;
  try {
    outcome = granted(await acquire(values));
  } catch (error) {
    // Only what the authority said is an answer; a configuration or network error is not.
    if (!(error instanceof AuthError) || !error.errorNo) throw error;
    outcome = refused(error);
  }
  console.log(JSON.stringify({ client, ...outcome }));
  return outcome.ok ? 0 : 3;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(`msal_node_obo: ${error.constructor.name}: ${error.message}`);
    process.exit(1);
  },
);
