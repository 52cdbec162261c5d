// Signing in with what the TLS session gives, over sockets: SCRAM-SHA-256-PLUS and EXTERNAL at every protocol that has
// SASL, with the client's part by GNU SASL where it speaks the protocol, and by ours where it does not.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import type { ChannelBinding, Stream, TlsIdentity, TlsInfo } from '../world/network.ts'
import { serveImap } from './imap/serve.ts'
import { serveManageSieve } from './managesieve/serve.ts'
import { servePop3 } from './pop3/serve.ts'
import type { SaslAccounts } from './sasl/accounts.ts'
import { ScramClient } from './sasl/client.ts'
import { reply } from './smtp/reply.ts'
import { serveSmtp } from './smtp/serve.ts'
import { type Bench, openBench, PASSWORD, USER } from './testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
const at = { address: '127.0.0.1', port: 0 }
let bench: Bench
let server: TlsIdentity
let client: TlsIdentity
const ports: Record<string, number> = {}
const closers: (() => Promise<void>)[] = []

before(async () => {
  bench = await openBench(join(folder, 'server'))
  const { store, world } = bench
  server = { ...(await world.keymaker.tlsIdentity(['localhost'])), asksClients: true }
  client = await world.keymaker.tlsIdentity(['bob'])
  writeFileSync(join(folder, 'client.pem'), client.certificatePem)
  writeFileSync(join(folder, 'client.key'), client.privateKeyPem)
  writeFileSync(join(folder, 'server.pem'), server.certificatePem)
  const hash = (certificate: Buffer) => createHash('sha256').update(certificate).digest('hex')
  const own = hash(new X509Certificate(client.certificatePem).raw)
  const accounts: SaslAccounts = {
    ...bench.accounts,
    mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'EXTERNAL', 'PLAIN'],
    certificateHolder: (certificate, user) =>
      hash(certificate) === own && (user === undefined || user === USER)
        ? { state: 'ok', user: USER }
        : { state: 'refused' },
  }
  const options = { store, accounts, tlsIdentity: server, report: (error: unknown) => console.error('a bug', error) }
  const policy = {
    accounts,
    mail: () => undefined,
    recipient: () => undefined,
    message: () => reply(250, '2.0.0', 'ok'),
  }
  const serve: Record<string, (stream: Stream) => Promise<void>> = {
    imap: (stream) => serveImap(stream, options, world),
    pop3: (stream) => servePop3(stream, options, world),
    managesieve: (stream) => serveManageSieve(stream, options, world),
    smtp: (stream) => serveSmtp(stream, policy, { hostName: 'localhost', identity: server }, world),
  }
  for (const [name, work] of Object.entries(serve)) {
    const listener = await world.network.listen(at, (stream) => void work(stream))
    ports[name] = listener.endpoint.port
    closers.push(() => listener.close())
  }
})

after(async () => {
  for (const close of closers) await close()
  await bench.close()
  rmSync(folder, { recursive: true })
})

function missing(t: TestContext): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v gsasl'], { stdio: 'ignore' })
    return false
  } catch {
    t.skip('gsasl is not installed')
    return true
  }
}

/** How GNU SASL fared, and what was said. */
function gsasl(
  protocol: 'imap' | 'smtp',
  mechanism: string,
  ...more: string[]
): Promise<{ code: number; said: string }> {
  const options = [`--${protocol}`, '-m', mechanism, '--starttls', '--x509-ca-file', join(folder, 'server.pem')]
  const program = spawn(
    'gsasl',
    [...options, '--hostname=localhost', '--verbose', ...more, `--connect=localhost:${ports[protocol]}`],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: 20_000,
    },
  )
  program.stdin.end()
  return new Promise((resolve) => {
    let said = ''
    program.stdout.on('data', (bytes) => (said += bytes))
    program.stderr.on('data', (bytes) => (said += bytes))
    program.on('close', (code) => resolve({ code: code ?? -1, said }))
  })
}

const password = ['-a', USER, '-p', PASSWORD]
const certificate = () => [
  ...['--x509-cert-file', join(folder, 'client.pem')],
  ...['--x509-key-file', join(folder, 'client.key')],
]

for (const protocol of ['imap', 'smtp'] as const) {
  test(`GNU SASL at ${protocol}: SCRAM-SHA-256-PLUS in TLS 1.3 and 1.2`, async (t) => {
    if (missing(t)) return
    const bound = await gsasl(protocol, 'SCRAM-SHA-256-PLUS', ...password)
    assert.equal(bound.code, 0, bound.said)
    // The client's first message, in base64, names the kind of binding.
    assert.match(bound.said, new RegExp(Buffer.from('p=tls-exporter,,').toString('base64').slice(0, 20)))
    const older = await gsasl(protocol, 'SCRAM-SHA-256-PLUS', ...password, '--priority=NORMAL:-VERS-TLS1.3')
    assert.equal(older.code, 0, older.said)
    assert.match(older.said, new RegExp(Buffer.from('p=tls-unique,,n').toString('base64').slice(0, 20)))
    const wrong = await gsasl(protocol, 'SCRAM-SHA-256-PLUS', '-a', USER, '-p', 'wrong')
    assert.equal(wrong.code, 1, wrong.said)
    assert.match(wrong.said, /name or password not right/)
  })

  test(`GNU SASL at ${protocol}: EXTERNAL with a certificate, and without`, async (t) => {
    if (missing(t)) return
    for (const user of [USER, '']) {
      const shown = await gsasl(protocol, 'EXTERNAL', '-z', user, ...certificate())
      assert.equal(shown.code, 0, shown.said)
    }
    const other = await gsasl(protocol, 'EXTERNAL', '-z', 'ann@here.test', ...certificate())
    assert.equal(other.code, 1, other.said)
    assert.match(other.said, /name or password not right/)
    const none = await gsasl(protocol, 'EXTERNAL', '-z', USER)
    assert.equal(none.code, 1, none.said)
    assert.match(none.said, /mechanism not offered/)
    assert.doesNotMatch(none.said, /AUTH[ =].*EXTERNAL\b.*\r\n/)
  })
}

/** A client of ours: it says lines, and hears what ends in one of the given ways. */
class Talk {
  readonly stream: Stream
  #heard = ''

  constructor(stream: Stream) {
    this.stream = stream
  }

  static async start(port: number): Promise<Talk> {
    return new Talk(await bench.world.network.connect({ address: '127.0.0.1', port }, { timeoutMs: 5000 }))
  }

  async say(line: string): Promise<void> {
    await this.stream.write(Buffer.from(`${line}\r\n`))
  }

  /** What was said up to the end of the first line that fits. */
  async hear(end: RegExp): Promise<string> {
    for (;;) {
      const found = end.exec(this.#heard)
      if (found !== null) {
        const said = this.#heard.slice(0, found.index + found[0].length)
        this.#heard = this.#heard.slice(said.length)
        return said
      }
      const bytes = await this.stream.read(10_000)
      assert.ok(bytes !== null, `closed after ${this.#heard}`)
      this.#heard += Buffer.from(bytes).toString('latin1')
    }
  }

  async secure(identity?: TlsIdentity): Promise<TlsInfo> {
    const shown = identity === undefined ? {} : { identity }
    return this.stream.startTls({ role: 'client', serverName: 'localhost', mustAuthenticate: false, ...shown })
  }
}

const bindingOf = (tls: TlsInfo, type: ChannelBinding['type']) => tls.bindings!.find((one) => one.type === type)!

/** How a protocol other than those GNU SASL knows writes it. */
const WRITTEN = {
  pop3: {
    greeting: /\r\n/,
    startTls: async (talk: Talk) => {
      await talk.say('STLS')
      await talk.hear(/\+OK begin.*\r\n/)
    },
    secured: async () => {},
    begin: (mechanism: string, initial: Buffer) => `AUTH ${mechanism} ${initial.toString('base64') || '='}`,
    response: (bytes: Buffer) => bytes.toString('base64'),
    challenge: /^\+ (.*)\r\n/,
    done: /^\+OK .*\r\n/,
    refused: /^-ERR .*\r\n/,
  },
  managesieve: {
    greeting: /OK .*\r\n/,
    startTls: async (talk: Talk) => {
      await talk.say('STARTTLS')
      await talk.hear(/OK .*\r\n/)
    },
    secured: async (talk: Talk) => {
      assert.match(await talk.hear(/OK .*\r\n/), /"SASL" "SCRAM-SHA-256-PLUS SCRAM-SHA-256 (EXTERNAL )?PLAIN"/)
    },
    begin: (mechanism: string, initial: Buffer) => `AUTHENTICATE "${mechanism}" "${initial.toString('base64')}"`,
    response: (bytes: Buffer) => `"${bytes.toString('base64')}"`,
    challenge: /^"(.*)"\r\n/,
    done: /^OK .*\r\n/,
    refused: /^NO .*\r\n/,
  },
} as const

async function secureTalk(protocol: keyof typeof WRITTEN, identity?: TlsIdentity, port = ports[protocol]!) {
  const words = WRITTEN[protocol]
  const talk = await Talk.start(port)
  await talk.hear(words.greeting)
  await words.startTls(talk)
  const tls = await talk.secure(identity)
  await words.secured(talk)
  return { talk, tls }
}

for (const protocol of ['pop3', 'managesieve'] as const) {
  const words = WRITTEN[protocol]
  for (const type of ['tls-exporter', 'tls-server-end-point'] as const)
    test(`${protocol}: SCRAM-SHA-256-PLUS bound by ${type}`, async () => {
      const { talk, tls } = await secureTalk(protocol)
      const scram = new ScramClient(USER, PASSWORD, 'abc', bindingOf(tls, type))
      await talk.say(words.begin('SCRAM-SHA-256-PLUS', scram.first()))
      const offer = words.challenge.exec(await talk.hear(words.challenge))![1]!
      await talk.say(words.response((await scram.answer(Buffer.from(offer, 'base64'), bench.world))!))
      const final = words.challenge.exec(await talk.hear(words.challenge))![1]!
      assert.ok(scram.verify(Buffer.from(final, 'base64')))
      await talk.say(words.response(Buffer.alloc(0)))
      assert.match(await talk.hear(/\r\n/), words.done)
      talk.stream.destroy()
    })

  test(`${protocol}: EXTERNAL with a certificate`, async () => {
    const { talk } = await secureTalk(protocol, client)
    await talk.say(words.begin('EXTERNAL', Buffer.alloc(0)))
    assert.match(await talk.hear(/\r\n/), words.done)
    talk.stream.destroy()
  })
}

test('somebody between the two, with a certificate that the client takes, learns nothing to sign in with', async () => {
  const { world } = bench
  const his = await world.keymaker.tlsIdentity(['localhost'])
  const words = WRITTEN.pop3
  // He speaks TLS with both, and passes on what they say.
  const between = await world.network.listen(at, async (toClient) => {
    const { talk } = await secureTalk('pop3')
    await toClient.write(Buffer.from('+OK hello\r\n'))
    await toClient.read()
    await toClient.write(Buffer.from('+OK begin TLS now\r\n'))
    await toClient.startTls({ role: 'server', identity: his })
    const pass = async (from: Stream, to: Stream) => {
      for (let bytes = await from.read(); bytes !== null; bytes = await from.read()) await to.write(bytes)
    }
    await Promise.race([pass(toClient, talk.stream), pass(talk.stream, toClient)]).catch(() => {})
    talk.stream.destroy()
  })
  for (const type of ['tls-exporter', 'tls-server-end-point'] as const) {
    const { talk, tls } = await secureTalk('pop3', undefined, between.endpoint.port)
    const scram = new ScramClient(USER, PASSWORD, 'abc', bindingOf(tls, type))
    await talk.say(words.begin('SCRAM-SHA-256-PLUS', scram.first()))
    const offer = words.challenge.exec(await talk.hear(words.challenge))![1]!
    await talk.say(words.response((await scram.answer(Buffer.from(offer, 'base64'), world))!))
    assert.match(await talk.hear(/\r\n/), words.refused)
    talk.stream.destroy()
  }
  // He takes the offer away: the client says that it could have bound, and the server sees it.
  const { talk } = await secureTalk('pop3', undefined, between.endpoint.port)
  const scram = new ScramClient(USER, PASSWORD, 'abc', 'not-offered')
  await talk.say(words.begin('SCRAM-SHA-256', scram.first()))
  assert.match(await talk.hear(/\r\n/), words.refused)
  talk.stream.destroy()
  await between.close()
})

test('a session that a client resumes has bindings of its own, and its certificate still', async () => {
  const options = { host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false }
  const identity = { cert: client.certificatePem, key: client.privateKeyPem }
  const seen: TlsInfo[] = []
  const listener = await bench.world.network.listen(
    at,
    (stream) => {
      seen.push(stream.tls!)
      void stream.write(Buffer.from('hello\r\n')).then(() => stream.end())
    },
    server,
  )
  let session: Buffer | undefined
  for (const isResumed of [false, true]) {
    const socket = connect({ ...options, ...identity, port: listener.endpoint.port, ...(session && { session }) })
    socket.on('session', (kept) => (session = kept))
    await once(socket, 'secureConnect')
    socket.resume()
    await once(socket, 'end')
    assert.equal(socket.isSessionReused(), isResumed)
    socket.destroy()
  }
  await listener.close()
  const [first, second] = seen
  assert.ok(first!.clientCertificate!.equals(second!.clientCertificate!))
  assert.notDeepEqual(bindingOf(first!, 'tls-exporter'), bindingOf(second!, 'tls-exporter'))
})
