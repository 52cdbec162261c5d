// A resolver of the test's own that validates: Debian's unbound in a folder of its own, on loopback, with zones that
// dnssec-signzone signs; gone afterwards. Undefined where one of them is not installed (unbound, bind9-utils).

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Endpoint } from '../network.ts'

const UNBOUND = '/usr/sbin/unbound'
const SIGN = '/usr/bin/dnssec-signzone'
const MAKE_KEY = '/usr/bin/dnssec-keygen'

export interface TestZone {
  /** Without the final dot. */
  readonly origin: string
  /** Lines of a zone file; SOA and NS are put in front. */
  readonly records: readonly string[]
  readonly isSigned: boolean
  /** What somebody does to the file after it was signed. */
  readonly tamper?: (text: string) => string
}

export interface TestUnbound {
  readonly endpoint: Endpoint
  end(): Promise<void>
}

/** `answers`: whether a resolver there knows the first zone's name servers. */
export async function testUnbound(
  zones: readonly TestZone[],
  answers: (at: Endpoint, zone: string) => Promise<boolean>,
): Promise<TestUnbound | undefined> {
  if (![UNBOUND, SIGN, MAKE_KEY].every((program) => existsSync(program))) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-unbound-'))
  const anchors = zones.flatMap((zone) => writeZone(folder, zone))
  const port = await freePort()
  const configuration = `
server:
  directory: "${folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1
  port: ${port}
  do-not-query-localhost: no
  module-config: "validator iterator"
  local-zone: "test." nodefault
${anchors.map((line) => `  trust-anchor: "${line}"`).join('\n')}
remote-control:
  control-enable: no
${zones.map(({ origin }) => `auth-zone:\n  name: "${origin}"\n  zonefile: "${origin}.zone"\n  for-downstream: no\n  for-upstream: yes\n  fallback-enabled: no`).join('\n')}
`
  writeFileSync(join(folder, 'unbound.conf'), configuration)
  const server = spawn(UNBOUND, ['-d', '-c', join(folder, 'unbound.conf')], { stdio: ['ignore', 'ignore', 'pipe'] })
  const said: string[] = []
  server.stderr!.on('data', (bytes) => said.push(String(bytes)))
  const endpoint = { address: '127.0.0.1', port }
  try {
    await untilIt(() => answers(endpoint, zones[0]!.origin), server)
  } catch (error) {
    server.kill('SIGKILL')
    throw new Error(`${(error as Error).message}\n${said.join('')}`)
  }
  return {
    endpoint,
    end: async () => {
      const ended = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The file of a zone; the keys that must be believed. */
function writeZone(folder: string, { origin, records, isSigned, tamper }: TestZone): string[] {
  const file = join(folder, `${origin}.zone`)
  const head = [
    '$TTL 60',
    `${origin}. IN SOA ns.${origin}. hostmaster.${origin}. 1 3600 600 604800 60`,
    `${origin}. IN NS ns.${origin}.`,
    `ns.${origin}. IN A 127.0.0.1`,
  ]
  writeFileSync(file, `${[...head, ...records].join('\n')}\n`)
  if (!isSigned) return []
  const run = (program: string, ...words: string[]) =>
    execFileSync(program, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  run(MAKE_KEY, '-q', '-K', folder, '-a', 'ECDSAP256SHA256', origin)
  run(MAKE_KEY, '-q', '-K', folder, '-a', 'ECDSAP256SHA256', '-f', 'KSK', origin)
  run(SIGN, '-S', '-K', folder, '-o', origin, '-f', `${file}.signed`, file)
  const signed = readFileSync(`${file}.signed`, 'utf8')
  writeFileSync(file, tamper?.(signed) ?? signed)
  return readdirSync(folder)
    .filter((name) => name.startsWith(`K${origin}.`) && name.endsWith('.key'))
    .map((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .map((lines) => lines.find((line) => line !== '' && !line.startsWith(';'))!)
    .filter((line) => line.includes(' 257 '))
}

async function untilIt(answers: () => Promise<boolean>, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100 && server.exitCode === null; tries++) {
    if (await answers()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('unbound does not answer.')
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
