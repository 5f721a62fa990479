// mcp-remote, the bridge that desktop clients start to reach a remote server over stdio, signing in by itself.
//
//   SIGN_IN='emulator_person=bob&emulator_consent=accept' MCP_CLIENT_ID=... run sign_in_mcp_remote.mjs URL [OPTION]...
//     [--call TOOL JSON]...
//
// Without MCP_CLIENT_ID it registers itself. Options before `--call` are passed on to mcp-remote, such as `--authorize-param prompt=select_account`. Prints one
// JSON line: each authorize request and each call. Exit code 0 if every call was answered, 3 if one was refused, 1 if
// nothing worked (`failed`).

import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterFirstCall } from './sign_in_browser.mjs';
import { Place, freePort, packaged, packageVersion } from './sign_in_process.mjs';

const DEADLINE_MS = 45_000;

function parseArguments([url, ...rest]) {
  const first = rest.indexOf('--call');
  const options = first < 0 ? rest : rest.slice(0, first);
  const calls = [];
  for (let at = options.length; at < rest.length; at += 3) {
    calls.push({ name: rest[at + 1], arguments: JSON.parse(rest[at + 2]) });
  }
  return { url, options, calls };
}

async function main() {
  const args = parseArguments(process.argv.slice(2));
  const place = new Place();
  const id = process.env.MCP_CLIENT_ID;
  const known = JSON.stringify({ client_id: id, token_endpoint_auth_method: 'none' });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [
      packaged('mcp-remote', 'dist/proxy.js'), args.url, String(await freePort()), '--transport', 'http-only',
      ...(id ? ['--static-oauth-client-info', known] : []), ...args.options,
    ],
    env: place.env,
    stderr: 'pipe',
  });
  const said = [];
  transport.stderr?.on('data', (chunk) => said.push(String(chunk)));
  const client = new Client({ name: 'mcp-cost-server-clients', version: '1.0.0' });
  const report = { client: `mcp-remote ${packageVersion('mcp-remote')}`, calls: [] };
  try {
    await client.connect(transport, { timeout: DEADLINE_MS });
    for (const wanted of args.calls) {
      try {
        const result = await client.callTool(wanted, { timeout: DEADLINE_MS });
        const { isError = false, structuredContent = null } = result;
        report.calls.push({ tool: wanted.name, is_error: isError, structured: structuredContent });
      } catch (error) {
        const { message, code = null } = error;
        report.calls.push({ tool: wanted.name, refused: { type: error.constructor.name, message, code } });
      }
      if (report.calls.length === 1) await afterFirstCall();
    }
  } catch (error) {
    report.failed = `${error.constructor.name}: ${error.message}`;
    if (process.env.SHOW_STDERR) console.error(said.join(''));
  }
  report.sign_ins = place.signIns;
  await client.close();
  place.close();
  console.log(JSON.stringify(report));
  if (report.failed) return 1;
  return report.calls.some((made) => made.refused) ? 3 : 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(`sign_in_mcp_remote: ${error.constructor.name}: ${error.message}`);
    process.exit(1);
  },
);
