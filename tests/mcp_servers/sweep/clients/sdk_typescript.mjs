// The official TypeScript SDK; arguments: the package's name and the era.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const [name, mode] = process.argv.slice(2);
const era = JSON.parse(mode);
const asked = JSON.parse(process.env.SWEEP);
const older = name === '@modelcontextprotocol/sdk';
const { Client } = await import(older ? `${name}/client/index.js` : name);
const { StdioClientTransport } = await import(older ? `${name}/client/stdio.js` : `${name}/stdio`);
const { StreamableHTTPClientTransport } = await import(older ? `${name}/client/streamableHttp.js` : name);

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Processor time of the living descendants of a process, in ticks of a hundredth of a second.
async function ticks(root) {
  const { readdirSync } = await import('node:fs');
  const children = new Map();
  for (const entry of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const fields = readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ').at(-1).split(' ');
      const found = children.get(Number(fields[1])) ?? [];
      children.set(Number(fields[1]), [...found, [Number(entry), Number(fields[11]) + Number(fields[12])]]);
    } catch {} // it ended just now
  }
  let total = 0;
  const left = [root];
  while (left.length) for (const [child, used] of children.get(left.pop()) ?? []) { total += used; left.push(child); }
  return total;
}

async function busy(root) {
  const before = await ticks(root);
  await pause(200);
  return ((await ticks(root)) - before) / 100 / 0.2;
}

async function over(transport) {
  const [command, ...args] = asked.command;
  const target = transport === 'stdio'
    ? new StdioClientTransport({ command, args, env: asked.env, cwd: asked.cwd })
    : new StreamableHTTPClientTransport(new URL(asked.url));
  const negotiation = older ? {} : { versionNegotiation: { mode: era } };
  const client = new Client({ name: 'sweep', version: '1' }, negotiation);
  await client.connect(target, { timeout: 300000 }); // a bundle makes its environment first
  const call = (tool, arguments_, options) => older
    ? client.callTool({ name: tool, arguments: arguments_ }, undefined, options)
    : client.callTool({ name: tool, arguments: arguments_ }, options);
  const told = { listed: (await client.listTools()).tools.length, failed: [] };
  for (const [tool, arguments_, wanted] of asked.calls) {
    const answer = JSON.stringify(await call(tool, arguments_));
    if (!answer.includes(wanted)) told.failed.push(`${tool}: ${answer.slice(0, 200)}`);
  }
  told.called = asked.calls.length - told.failed.length;
  told.protocol = (older ? target.protocolVersion ?? client.getNegotiatedProtocolVersion?.() : client.getNegotiatedProtocolVersion()) ?? '';
  if (asked.documents) {
    let progress = 0;
    const collection = `sweep-${transport}`;
    await call('retrieval_ingest', { path: asked.documents, collection }, { onprogress: () => { progress += 1; } });
    told.progress = progress;
    told.cancelled = await cancelled(call, transport === 'stdio' ? process.pid : asked.server);
  }
  await client.close();
  return told;
}

async function cancelled(call, root) {
  const stop = new AbortController();
  const stuck = call(...asked.stuck, { signal: stop.signal }).catch(() => undefined);
  let begun = false;
  for (let n = 0; n < 100 && !begun; n += 1) begun = (await busy(root)) > 0.3;
  if (!begun) throw new Error('the call that is to be cancelled did not begin');
  const since = performance.now();
  stop.abort('cancelled');
  await stuck;
  while (performance.now() - since < 5000) {
    if ((await busy(root)) < 0.1) return Math.round((performance.now() - since) / 100) / 10;
  }
  return null;
}

const { version } = JSON.parse(readFileSync(new URL(`./node_modules/${name}/package.json`, `file://${process.cwd()}/`)));
const found = { versions: { [name]: version } };
for (const transport of asked.transports ?? ['stdio', 'http']) found[transport] = await over(transport);
console.log(JSON.stringify(found));
process.exit(0);
