// The official TypeScript MCP clients signing in with their own OAuth code: v2 (@modelcontextprotocol/client) and v1
// (@modelcontextprotocol/sdk).
//
//   SIGN_IN='emulator_person=bob&emulator_consent=accept' MCP_CLIENT_ID=... run sign_in_ts.mjs v1|v2 URL [OPTION]...
//     [--call TOOL JSON]...
//
//   --no-refresh   declares no refresh tokens, so the client asks for no `offline_access`
//   --no-prompt    leaves out `prompt=consent`, as an application can before it opens the browser
//   --offline      adds `offline_access`, which v1 does not do by itself
//   --resource URL asks for a token for another resource than the metadata name
//
// These clients stop at a sign-in (UnauthorizedError) and leave it to the application to finish it (finishAuth) and to
// call again, which this script does once for each call. Prints one JSON line: each authorize request and each call.
// Exit code 0 if every call was answered, 3 if one was refused, 1 if nothing worked.

import { readFileSync } from 'node:fs';
import { afterFirstCall, visit } from './sign_in_browser.mjs';

const REDIRECT_URI = 'http://localhost:3030/callback';
const DEADLINE_MS = 30_000;

const sdks = {
  async v1() {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport: Transport } = await import(
      '@modelcontextprotocol/sdk/client/streamableHttp.js'
    );
    return {
      name: '@modelcontextprotocol/sdk',
      Transport,
      client: (info) => new Client(info),
      call: (client, tool) => client.callTool(tool, undefined, { timeout: DEADLINE_MS }),
      finish: (transport, answer) => transport.finishAuth(answer.get('code')),
    };
  },
  async v2() {
    const { Client, StreamableHTTPClientTransport: Transport } = await import('@modelcontextprotocol/client');
    return {
      name: '@modelcontextprotocol/client',
      Transport,
      client: (info) => new Client(info, { versionNegotiation: { mode: 'auto' } }),
      call: (client, tool) => client.callTool(tool, { timeout: DEADLINE_MS }),
      finish: (transport, answer) => transport.finishAuth(answer),
    };
  },
};

function parseArguments([sdk, url, ...rest]) {
  if (!(sdk in sdks) || !url) throw new Error('usage: sign_in_ts.mjs v1|v2 URL [OPTION]... [--call TOOL JSON]...');
  const args = { sdk, url, calls: [], refresh: true, drop: [], offline: false, resource: null };
  while (rest.length > 0) {
    const flag = rest.shift();
    if (flag === '--no-refresh') args.refresh = false;
    else if (flag === '--no-prompt') args.drop.push('prompt');
    else if (flag === '--offline') args.offline = true;
    else if (flag === '--resource') args.resource = new URL(rest.shift());
    else if (flag === '--call') args.calls.push({ name: rest.shift(), arguments: JSON.parse(rest.shift()) });
    else throw new Error(`unexpected argument: ${flag}`);
  }
  return args;
}

/** What an application has to bring: storage, and a browser. */
class Provider {
  signIns = [];
  answer = null;
  #tokens;
  #verifier;
  #discovered;

  constructor({ refresh, drop, offline, resource }) {
    if (resource) this.validateResourceURL = async () => resource;
    this.drop = drop;
    this.offline = offline;
    this.clientMetadata = {
      client_name: 'mcp-cost-server-clients',
      redirect_uris: [REDIRECT_URI],
      grant_types: refresh ? ['authorization_code', 'refresh_token'] : ['authorization_code'],
      token_endpoint_auth_method: 'none',
    };
  }

  get redirectUrl() {
    return REDIRECT_URI;
  }
  clientInformation() {
    return { client_id: process.env.MCP_CLIENT_ID };
  }
  tokens() {
    return this.#tokens;
  }
  saveTokens(tokens) {
    this.#tokens = tokens;
  }
  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }
  codeVerifier() {
    return this.#verifier;
  }
  saveDiscoveryState(discovered) {
    this.#discovered = discovered;
  }
  discoveryState() {
    return this.#discovered;
  }
  async redirectToAuthorization(url) {
    if (this.offline) url.searchParams.set('scope', `${url.searchParams.get('scope')} offline_access`);
    const { note, location } = await visit(url, { drop: this.drop });
    this.signIns.push(note);
    this.answer = location?.searchParams ?? null;
  }
}

/** Runs `attempt`; where it stopped for a sign-in, finishes that and runs it again, once. */
async function withSignIn(sdk, provider, transport, attempt) {
  provider.answer = null;
  try {
    return await attempt();
  } catch (error) {
    if (!provider.answer?.has('code')) throw error;
  }
  await sdk.finish(transport(), provider.answer);
  return attempt();
}

async function main() {
  const args = parseArguments(process.argv.slice(2));
  const sdk = await sdks[args.sdk]();
  const provider = new Provider(args);
  let transport, client;
  const connect = async () => {
    transport = new sdk.Transport(new URL(args.url), { authProvider: provider });
    client = sdk.client({ name: 'mcp-cost-server-clients', version: '1.0.0' });
    await client.connect(transport, { timeout: DEADLINE_MS });
  };
  const { version } = JSON.parse(readFileSync(new URL(`node_modules/${sdk.name}/package.json`, import.meta.url)));
  const report = { client: `${sdk.name} ${version} (TypeScript)`, sign_ins: provider.signIns, calls: [] };
  try {
    await withSignIn(sdk, provider, () => transport, connect);
  } catch (error) {
    report.failed = `${error.constructor.name}: ${error.message}`;
  }
  for (const wanted of report.failed ? [] : args.calls) {
    try {
      const result = await withSignIn(sdk, provider, () => transport, () => sdk.call(client, wanted));
      const { isError = false, structuredContent = null } = result;
      report.calls.push({ tool: wanted.name, is_error: isError, structured: structuredContent });
    } catch (error) {
      report.calls.push({ tool: wanted.name, refused: { type: error.constructor.name, message: error.message } });
    }
    if (report.calls.length === 1) await afterFirstCall();
  }
  console.log(JSON.stringify(report));
  if (report.failed) return 1;
  return report.calls.some((made) => made.refused) ? 3 : 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(`sign_in_ts: ${error.constructor.name}: ${error.message}`);
    process.exit(1);
  },
);
