// `borderpost serve` as on the Internet: ports (with an offset), certificates of a real certificate authority (Debian's
// pebble), HTTPS, MTA-STS, mail to itself, and what `borderpost dns --check` says of it.

import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import { startDnsServer } from '../../src/protocols/dns/server.ts'
import { type ZoneRecord, ZoneTable } from '../../src/protocols/dns/zone.ts'
import { realKeymaker } from '../../src/world/real/keymaker.ts'
import { RealNetwork } from '../../src/world/real/network.ts'
import { missing } from './programs.ts'

const execute = promisify(execFile)
const borderpost = join(import.meta.dirname, '..', '..', 'bin', 'borderpost.js')
const OFFSET = 21_000
const ADDRESS = '127.0.41.1'
const skip = missing('pebble')

const folder = mkdtempSync(join(tmpdir(), 'borderpost-serve-'))
const description = join(folder, 'home.borderpost')
const children: ChildProcess[] = []
const stops: (() => unknown)[] = []
/** The authority's own root, which clients trust. */
let root = ''
/** What DNS shows of the host's key, from before there was a certificate. */
let tlsa = ''
const zones = new ZoneTable([{ origin: '', records: [] }])
let dnsPort = 0

after(async () => {
  for (const child of children)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  for (const stop of stops) await stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Published {
  readonly name: string
  readonly type: 'A' | 'MX' | 'TXT' | 'PTR' | 'SRV' | 'TLSA'
  readonly value: string
}

/** The records as our own name server answers them; the host's address is the one it has on this machine. */
async function publish(): Promise<void> {
  const { stdout } = await execute(process.execPath, [
    borderpost,
    'dns',
    description,
    '--folder',
    join(folder, 'home'),
    '--json',
  ])
  const records = (JSON.parse(stdout) as Published[]).map(({ name, type, value }): ZoneRecord => {
    if (type === 'TLSA') {
      const [usage, selector, matchingType, hex] = value.split(' ')
      tlsa = hex!
      const data = {
        usage: Number(usage),
        selector: Number(selector),
        matchingType: Number(matchingType),
        certificate: Buffer.from(hex!, 'hex'),
      }
      return { name, type, ttlS: 1, data }
    }
    if (type === 'SRV') {
      const [priority, weight, port, target] = value.split(' ')
      const data = { priority: Number(priority), weight: Number(weight), port: Number(port), target: target! }
      return { name, type, ttlS: 1, data }
    }
    if (type !== 'MX') return { name, type, ttlS: 1, data: value }
    const [preference, exchange] = value.split(' ')
    return { name, type, ttlS: 1, data: { preference: Number(preference), exchange: exchange! } }
  })
  zones.set({ origin: '', records })
}

before(async () => {
  if (skip) return
  const dns = await startDnsServer({ network: new RealNetwork(), at: { address: ADDRESS, port: 0 }, zones })
  dnsPort = dns.endpoint.port
  stops.push(() => dns.close())
  const own = await realKeymaker.tlsIdentity(['localhost'])
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const ca = file('ca.pem', own.certificatePem)
  const config = file(
    'pebble.json',
    JSON.stringify({
      pebble: {
        listenAddress: `${ADDRESS}:14000`,
        managementListenAddress: `${ADDRESS}:15000`,
        certificate: ca,
        privateKey: file('key.pem', own.privateKeyPem),
        httpPort: 80 + OFFSET,
        tlsPort: 443 + OFFSET,
        ocspResponderURL: '',
        externalAccountBindingRequired: false,
      },
    }),
  )
  writeFileSync(
    description,
    `Author@anna ==> MSA/Transmitter@home --> / --> Receiver/MDA@home ==> Recipient@anna

home: domain=home.test, ip=${ADDRESS}, mta-sts=enforce, dane=yes, acme=anna@home.test, acme-directory="https://localhost:14000/dir"
anna: address=anna@home.test, name="Anna", password=demo
`.replace('localhost', ADDRESS),
  )
  const named = await realKeymaker.tlsIdentity(['localhost', ADDRESS])
  writeFileSync(ca, named.certificatePem)
  writeFileSync(join(folder, 'key.pem'), named.privateKeyPem)
  const pebble = spawn('pebble', ['-config', config, '-dnsserver', `${ADDRESS}:${dnsPort}`, '-strict'], {
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
    stdio: 'ignore',
  })
  children.push(pebble)
  for (let tries = 0; root === ''; tries++) {
    root = await get(`https://${ADDRESS}:15000/roots/0`, named.certificatePem).then(
      ({ body }) => body,
      () => '',
    )
    if (tries > 100) throw new Error('pebble does not answer')
    if (root === '') await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await publish()
})

function get(
  url: string,
  ca: string,
  host?: string,
): Promise<{ status: number; body: string; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      { ca, ...(host !== undefined && { servername: host, headers: { host } }) },
      async (response) => {
        const parts: Buffer[] = []
        for await (const part of response) parts.push(part as Buffer)
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString(), headers: response.headers })
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}

/** SHA-256 of the key at a door, as a TLSA record 3 1 1 has it. */
function keyHash(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: ADDRESS, port, ca: root, servername: 'mail.home.test' }, () => {
      const key = socket.getPeerX509Certificate()!.publicKey.export({ type: 'spki', format: 'der' })
      socket.destroy()
      resolve(createHash('sha256').update(key).digest('hex'))
    })
    socket.once('error', reject)
  })
}

/** Runs until its log says that the webmail is there. */
async function serve(): Promise<{ child: ChildProcess; log: () => string }> {
  const child = spawn(
    process.execPath,
    [
      borderpost,
      'serve',
      description,
      '--folder',
      join(folder, 'home'),
      '--dns',
      `${ADDRESS}:${dnsPort}`,
      '--port-offset',
      String(OFFSET),
    ],
    { env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  children.push(child)
  let log = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => {
        log += bytes
        if (log.includes('webmail at')) resolve()
      })
    child.once('exit', () => reject(new Error(log)))
  })
  return { child, log: () => log }
}

test('an agent on the Internet proves its host by an authority, at every door', { skip, timeout: 60_000 }, async () => {
  const { child, log } = await serve()
  assert.match(log(), /a new certificate is in use/)

  const page = await get(`https://${ADDRESS}:${443 + OFFSET}/mail`, root, 'mail.home.test')
  assert.equal(page.status, 200)
  assert.match(page.body, /<!doctype html>/i)
  const policy = await get(`https://${ADDRESS}:${443 + OFFSET}/.well-known/mta-sts.txt`, root, 'mta-sts.home.test')
  assert.match(policy.body, /^version: STSv1\r\nmode: enforce\r\nmx: mail\.home\.test/)
  const plain = await fetch(`http://${ADDRESS}:${80 + OFFSET}/mail`, { redirect: 'manual' })
  assert.deepEqual([plain.status, plain.headers.get('location')], [301, `https://${ADDRESS}:${443 + OFFSET}/mail`])

  const tls = { ca: root, servername: 'mail.home.test' }
  const imap = new ImapFlow({
    host: ADDRESS,
    port: 993 + OFFSET,
    secure: true,
    tls,
    auth: { user: 'anna@home.test', pass: 'demo' },
    logger: false,
  })
  await imap.connect()
  const transport = createTransport({
    host: ADDRESS,
    port: 587 + OFFSET,
    requireTLS: true,
    tls,
    auth: { user: 'anna@home.test', pass: 'demo' },
  })
  await imap.mailboxOpen('INBOX')
  await transport.sendMail({
    from: 'anna@home.test',
    to: 'anna@home.test',
    subject: 'to myself',
    text: 'across the Border',
  })
  const count = async () => (await imap.status('INBOX', { messages: true })) || undefined
  while ((await count())?.messages === 0) await new Promise((resolve) => setTimeout(resolve, 50))
  const message = await imap.fetchOne('*', { source: true })
  assert.ok(message)
  const source = message.source!.toString()
  assert.match(source, /^Received: from \S+ \(using TLSv1\.3 [^)]*\) by\r\n mail\.home\.test with ESMTPSA/m)
  assert.match(source, /^DKIM-Signature: [\s\S]*d=home\.test/m)
  assert.ok(await createTransport({ host: ADDRESS, port: 25 + OFFSET, requireTLS: true, tls }).verify())
  await imap.logout()

  assert.equal(await keyHash(993 + OFFSET), tlsa, 'the authority’s certificate has the key that DNS showed before')

  const checked = await execute(process.execPath, [
    ...[borderpost, 'dns', description, '--folder', join(folder, 'home')],
    ...['--check', '--dns', `${ADDRESS}:${dnsPort}`],
  ])
  assert.equal((checked.stdout.match(/^ok /gm) ?? []).length, checked.stdout.trim().split('\n').length)

  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
})

test('the certificate is there at the next start without asking again', { skip, timeout: 60_000 }, async () => {
  children[0]!.kill('SIGKILL')
  const { child, log } = await serve()
  assert.match(log(), /a new certificate is in use/)
  assert.doesNotMatch(log(), /no new certificate/)
  child.kill('SIGTERM')
  await once(child, 'exit')
})

test('a record that is missing or another is said with what it should be', { skip }, async () => {
  zones.set({ origin: '', records: [{ name: 'home.test', type: 'TXT', ttlS: 1, data: 'v=spf1 -all' }] })
  const arguments_ = [
    borderpost,
    'dns',
    description,
    '--folder',
    join(folder, 'home'),
    '--check',
    '--dns',
    `${ADDRESS}:${dnsPort}`,
  ]
  const failed = await execute(process.execPath, arguments_).catch((error: { code: number; stdout: string }) => error)
  assert.equal((failed as { code: number }).code, 1)
  assert.match(failed.stdout, /^different TXT home\.test: .*\n +DNS says v=spf1 -all\n +it should be v=spf1 ip4:/m)
  assert.match(failed.stdout, /^missing MX home\.test: /m)
})

test('a description without an agent of this machine says so', async () => {
  const far = join(folder, 'far.borderpost')
  writeFileSync(
    far,
    'Author@a ==> MSA/Transmitter@far --> / --> Receiver/MDA@far ==> Recipient@a\n\nfar: domain=far.test, ip=203.0.113.9\na: address=a@far.test\n',
  )
  const failed = await execute(process.execPath, [borderpost, 'serve', far, '--folder', join(folder, 'far')]).catch(
    (error: { code: number; stderr: string }) => error,
  )
  assert.equal((failed as { code: number }).code, 2)
  assert.match(failed.stderr, /No agent of .* has an address of this machine \(far: 203\.0\.113\.9\).*listen=/)
})
