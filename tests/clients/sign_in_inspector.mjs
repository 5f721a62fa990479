// The MCP Inspector's command line, signing in by itself.
//
//   SIGN_IN='emulator_person=bob&emulator_consent=accept' MCP_CLIENT_ID=... run sign_in_inspector.mjs URL [OPTION]...
//     [--call TOOL JSON]...
//
// Options before `--call` are passed on to the Inspector. It makes one call for each start, so this starts it anew for
// each, with what it stored. STEP_UP is what the person answers when it asks whether to step up (default `y`). Prints one JSON line: each authorize request and each call with the exit code and what
// was shown. Exit code 0 if every call was answered, 3 if not.

import { execFile } from 'node:child_process';
import { afterFirstCall } from './sign_in_browser.mjs';
import { Place, freePort, packaged, packageVersion } from './sign_in_process.mjs';

const DEADLINE_MS = 45_000;

function parseArguments([url, ...rest]) {
  const first = rest.indexOf('--call');
  const options = first < 0 ? rest : rest.slice(0, first);
  const calls = [];
  for (let at = options.length; at < rest.length; at += 3) calls.push({ tool: rest[at + 1], parameters: rest[at + 2] });
  return { url, options, calls };
}

/** Runs the Inspector once. */
function inspect(args, env) {
  const launcher = packaged('@modelcontextprotocol/inspector', 'clients/launcher/build/index.js');
  return new Promise((done) => {
    const settings = { env, timeout: DEADLINE_MS, maxBuffer: 16 << 20 };
    const child = execFile(process.execPath, [launcher, '--cli', ...args], settings, (error, stdout, stderr) => {
      done({ exit: error?.code ?? 0, stdout, stderr });
    });
    child.stdin.end(`${process.env.STEP_UP ?? 'y'}\n`);
  });
}

function shown({ exit, stdout, stderr }) {
  if (exit !== 0) return { exit, message: stderr.slice(-2_000) };
  const { result = JSON.parse(stdout) } = JSON.parse(stdout);
  return { exit, is_error: result.isError === true, structured: result.structuredContent ?? null };
}

async function main() {
  const { url, options, calls } = parseArguments(process.argv.slice(2));
  const place = new Place();
  const env = { ...place.env, MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file', NO_COLOR: '1' };
  const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`;
  const report = {
    client: `@modelcontextprotocol/inspector ${packageVersion('@modelcontextprotocol/inspector')} (CLI)`,
    calls: [],
  };
  for (const { tool, parameters } of calls) {
    const args = [
      url, '--transport', 'http', '--client-id', process.env.MCP_CLIENT_ID, '--callback-url', callback,
      '--method', 'tools/call', '--tool-name', tool, '--tool-args-json', parameters,
      '--format', 'json', '-q', ...options,
    ];
    report.calls.push({ tool, ...shown(await inspect(args, env)) });
    if (report.calls.length === 1) await afterFirstCall();
  }
  report.sign_ins = place.signIns;
  place.close();
  console.log(JSON.stringify(report));
  return report.calls.some((made) => made.exit !== 0) ? 3 : 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(`sign_in_inspector: ${error.constructor.name}: ${error.message}`);
    process.exit(1);
  },
);
