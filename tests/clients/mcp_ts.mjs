// The official TypeScript MCP client (@modelcontextprotocol/client) against an MCP endpoint.
//
//   MCP_TOKEN=... mcp_ts.mjs MODE URL [--call TOOL JSON]...
//
// MODE is `auto` (asks for the newest protocol, 2026-07-28), `legacy` (the `initialize` handshake) or a
// protocol version to insist on. Lists the tools, makes each call in turn (EXPORT_ID in one is the id of the export that
// the one before began), then lists and reads the resources, and prints one JSON line. Exit
// code 0 if every call was answered (a tool's own error is an answer), 3 if one was refused, 1 if nothing
// worked. The token is read from the environment and never printed.

import { readFileSync } from 'node:fs';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const DEADLINE_MS = 30_000;

function parseArguments([mode, url, ...rest]) {
  if (!mode || !url) throw new Error('usage: mcp_ts.mjs MODE URL [--call TOOL JSON]...');
  const calls = [];
  while (rest.length > 0) {
    const [flag, tool, parameters] = rest.splice(0, 3);
    if (flag !== '--call' || parameters === undefined) throw new Error(`unexpected argument: ${flag}`);
    calls.push({ tool, parameters });
  }
  return { mode, url, calls };
}

function packageVersion(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}

async function connect({ mode, url }) {
  const token = process.env.MCP_TOKEN;
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const negotiation = mode === 'auto' || mode === 'legacy' ? mode : { pin: mode };
  const client = new Client(
    { name: 'mcp-cost-server-clients', version: '1.0.0' },
    { versionNegotiation: { mode: negotiation } },
  );
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await client.connect(transport, { timeout: DEADLINE_MS });
  return client;
}

async function call(client, { tool, parameters }) {
  try {
    const wanted = { name: tool, arguments: JSON.parse(parameters) };
    const result = await client.callTool(wanted, { timeout: DEADLINE_MS });
    const text = result.content.filter((block) => block.type === 'text').map((block) => block.text).join('\n');
    return { tool, is_error: result.isError === true, structured: result.structuredContent ?? null, text };
  } catch (error) {
    return { tool, refused: refusal(error) };
  }
}

// What the client made of the refusal: its own class, and what it read from the challenge.
function refusal(error) {
  const { requiredScope = null, status = null, code = null } = error;
  return { type: error.constructor.name, message: error.message, required_scope: requiredScope, status, code };
}

async function allTools(client) {
  const names = [];
  let cursor;
  do {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor });
    names.push(...page.tools.map((tool) => tool.name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return names;
}

// Each prompt with its first message, and what is offered for its scope.
async function allPrompts(client) {
  const found = [];
  for (const { name, arguments: known = [] } of (await client.listPrompts()).prompts) {
    const values = Object.fromEntries(known.filter((one) => one.required).map((one) => [one.name, 'team']));
    const got = await client.getPrompt({ name, arguments: values });
    const argument = { name: 'scope', value: 'contoso' };
    const offered = await client.complete({ ref: { type: 'ref/prompt', name }, argument });
    found.push({ name, text: got.messages[0].content.text, scopes: offered.completion.values });
  }
  return found;
}

async function allCalls(client, wanted) {
  const made = [];
  let exportId = '';
  for (const { tool, parameters } of wanted) {
    made.push(await call(client, { tool, parameters: parameters.replace('EXPORT_ID', exportId) }));
    exportId = made.at(-1).structured?.export_id ?? exportId;
  }
  return made;
}

// Each resource with its text.
async function allResources(client) {
  const found = [];
  for (const { uri, size } of (await client.listResources()).resources) {
    const read = await client.readResource({ uri });
    found.push({ uri, size, text: read.contents[0].text });
  }
  return found;
}

async function main() {
  const args = parseArguments(process.argv.slice(2));
  const client = await connect(args);
  const server = client.getServerVersion();
  const report = {
    client: `@modelcontextprotocol/client ${packageVersion('@modelcontextprotocol/client')} (TypeScript)`,
    mode: args.mode,
    protocol: client.getNegotiatedProtocolVersion(),
    server: server ? { name: server.name, version: server.version } : null,
    tools: await allTools(client),
    prompts: await allPrompts(client),
    calls: await allCalls(client, args.calls),
  };
  report.resources = await allResources(client);
  await client.close();
  // Whole, before the process ends: a pipe takes 64 KiB at a time.
  await new Promise((done) => process.stdout.write(`${JSON.stringify(report)}\n`, done));
  return report.calls.some((made) => made.refused) ? 3 : 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(`mcp_ts: ${error.constructor.name}: ${error.message}${error.cause ? ` (${error.cause.message})` : ''}`);
    process.exit(1);
  },
);
