// The server's driver and the client, against each other and each against a broken other side.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { after, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { generate } from 'selfsigned'
import { formatPath, parseSmtpPath } from '../../message/smtp-path.ts'
import type { Listener, Network, Stream, TlsIdentity } from '../../world/network.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { testWorld } from '../../world/testing.ts'
import type { World } from '../../world/world.ts'
import { type ClientTls, type OpenOptions, SmtpConnection, type SmtpFailure } from './client.ts'
import { Budget } from './content.ts'
import type { Envelope } from './envelope.ts'
import type { InboundMessage, SmtpServerPolicy } from './policy.ts'
import { reply, replyText } from './reply.ts'
import { type ServeOptions, serveSmtp } from './serve.ts'

const suite = new URL('../../../../shared/suites/attack-smtp/', import.meta.url)
const generated = await generate([{ name: 'commonName', value: 'mx.test' }], {
  keySize: 2048,
  algorithm: 'sha256',
  extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'mx.test' }] }],
})
const identity: TlsIdentity = { certificatePem: generated.cert, privateKeyPem: generated.private }
const at = { address: '192.0.2.1', port: 25 }

class Collecting implements SmtpServerPolicy {
  readonly messages: InboundMessage[] = []
  gone = 0
  mail() {
    return undefined
  }
  recipient(path: Parameters<SmtpServerPolicy['recipient']>[0]) {
    return formatPath(path).startsWith('<no') ? reply(550, '5.1.1', 'no such mailbox') : undefined
  }
  async message(message: InboundMessage) {
    this.messages.push({ ...message, session: { ...message.session } })
    return reply(250, '2.0.0', `accepted as ${this.messages.length}`)
  }
  disconnected() {
    this.gone++
  }
}

function envelope(to: string[], more: Partial<Envelope> = {}): Envelope {
  const from = parseSmtpPath('<author@sender.test>', 'reverse')
  assert.ok(from.ok)
  const recipients = to.map((text) => {
    const path = parseSmtpPath(`<${text}>`, 'forward', { utf8: true })
    assert.ok(path.ok)
    return { forwardPath: path.path }
  })
  return { reversePath: from.path, recipients, body: '7BIT', smtputf8: false, ...more }
}

const MAIL = { envelope: envelope(['bob@two.test']), message: Buffer.from('Subject: x\r\n\r\n.dot\r\n') }

function open(world: Pick<World, 'network' | 'clock'>, tls: ClientTls = 'none', more: Partial<OpenOptions> = {}) {
  const { network, clock } = world
  return SmtpConnection.open({
    network,
    clock,
    endpoint: at,
    serverName: 'mx.test',
    heloName: 'out.test',
    tls,
    ...more,
  })
}

async function opened(connection: Promise<SmtpConnection | SmtpFailure>): Promise<SmtpConnection> {
  const result = await connection
  assert.ok(result instanceof SmtpConnection, JSON.stringify(result))
  return result
}

async function failed(connection: Promise<SmtpConnection | SmtpFailure>): Promise<string> {
  const result = await connection
  assert.ok(!(result instanceof SmtpConnection))
  return `${result.stage}: ${replyText(result.reply)}`
}

function serving(options: Partial<ServeOptions> = {}, policy = new Collecting()) {
  const { world, run, simulation } = testWorld()
  const faults: unknown[] = []
  const settings = { hostName: 'mx.test', onFault: (error: unknown) => faults.push(error), ...options }
  const listening = world.network.listen(at, (stream) => void serveSmtp(stream, policy, settings, world))
  return { world, policy, faults, simulation, run: <T>(work: () => Promise<T>) => run(listening.then(work)) }
}

/** A server that follows a script: 'S' text is sent, 'C' is a line to wait for, 'X' closes, 'TLS' takes the handshake. */
function scripted(script: string[]) {
  const { world, run } = testWorld()
  const heard: string[] = []
  const follow = async (stream: Stream) => {
    let input = ''
    for (const step of script) {
      if (step === 'X') return stream.destroy()
      if (step === 'TLS') {
        await stream.startTls({ role: 'server', identity })
        continue
      }
      if (step.startsWith('S')) {
        await stream.write(Buffer.from(step.slice(2).replaceAll('|', '\r\n') + (step.endsWith('|') ? '' : '\r\n')))
        continue
      }
      while (!input.includes('\r\n')) {
        const bytes = await stream.read()
        if (bytes === null) return
        input += Buffer.from(bytes).toString('latin1')
      }
      const end = input.indexOf('\r\n')
      const line = input.slice(0, end)
      heard.push(line)
      if (step === 'C.' && line !== '.') script.splice(script.indexOf(step), 0, step)
      input = input.slice(end + 2)
    }
    for (;;) if ((await stream.read()) === null) return stream.destroy()
  }
  const listening = world.network.listen(at, (stream) => void follow(stream).catch(() => stream.destroy()))
  return { world, heard, run: <T>(work: () => Promise<T>) => run(listening.then(work)) }
}

describe('client and server, simulated world', () => {
  test('many messages over one connection, with an outcome for each recipient', async () => {
    const { world, policy, run } = serving()
    await run(async () => {
      const smtp = await opened(open(world))
      const first = await smtp.send(MAIL)
      assert.deepEqual(
        first.recipients.map((r) => [r.state, replyText(r.reply)]),
        [['accepted', '250 2.0.0 accepted as 1']],
      )
      const second = await smtp.send({
        ...MAIL,
        envelope: envelope(['bob@two.test', 'nobody@two.test', 'eve@two.test']),
      })
      assert.deepEqual(
        second.recipients.map((r) => r.state),
        ['accepted', 'refused', 'accepted'],
      )
      const third = await smtp.send({ ...MAIL, envelope: envelope(['nobody@two.test']) })
      assert.deepEqual(
        third.recipients.map((r) => replyText(r.reply)),
        ['550 5.1.1 no such mailbox'],
      )
      assert.equal(await smtp.reset(), true)
      const many = await smtp.send({
        ...MAIL,
        envelope: envelope(Array.from({ length: 450 }, (_, i) => `u${i}@two.test`)),
      })
      assert.equal(many.recipients.filter((r) => r.state === 'accepted').length, 450)
      await smtp.quit()
      assert.equal(smtp.closed, true)
      await world.clock.sleep(5000)
    })
    assert.deepEqual(
      policy.messages.map((m) => m.envelope.recipients.length),
      [1, 2, 450],
    )
    assert.equal(policy.messages[0]!.source.toString(), 'Subject: x\r\n\r\n.dot\r\n')
    assert.equal(policy.messages[0]!.session.helo, 'out.test')
    assert.equal(policy.gone, 1)
  })

  test('a message of two megabytes arrives byte for byte', async () => {
    const { world, policy, run } = serving()
    const message = Buffer.from(`Subject: big\r\n\r\n${'.line of text\r\n..\r\n\r\n'.repeat(100_000)}`)
    await run(async () =>
      assert.equal((await (await opened(open(world))).send({ ...MAIL, message })).recipients[0]!.state, 'accepted'),
    )
    assert.ok(policy.messages[0]!.source.equals(message))
  })

  test('TLS when offered, verified when asked', async () => {
    const { world, policy, run } = serving({ identity })
    await run(async () => {
      const smtp = await opened(open(world, 'opportunistic'))
      assert.equal(smtp.tls?.authorized, false)
      await smtp.send(MAIL)
      const trusting = await opened(open(world, 'verified', { trusted: [identity.certificatePem] }))
      assert.equal(trusting.tls?.authorized, true)
      assert.match(await failed(open(world, 'verified')), /^tls: 451 4\.7\.5 TLS failed/)
    })
    assert.equal(policy.messages[0]!.session.protocol, 'ESMTPS')
  })

  test('what the other side does not offer is refused here', async () => {
    const { world, run } = serving({ maxMessageBytes: 100 })
    await run(async () => {
      const smtp = await opened(open(world))
      const said = async (mail: typeof MAIL) => replyText((await smtp.send(mail)).recipients[0]!.reply)
      assert.match(await said({ ...MAIL, message: Buffer.alloc(200, 65) }), /^552 5\.3\.4/)
      assert.match(await said({ ...MAIL, envelope: envelope(['b@two.test'], { requireTls: true }) }), /^550 5\.7\.30/)
    })
    const old = scripted([
      'S 220 old',
      'C',
      'S 500 what?',
      'C',
      'S 250 old',
      'C',
      'S 250',
      'C',
      'S 250 ok',
      'C',
      'S 354 go',
      'C.',
      'S 250 taken',
    ])
    await old.run(async () => {
      const smtp = await opened(open(old.world))
      const eightBit = await smtp.send({ ...MAIL, message: Buffer.from('Subject: x\r\n\r\né\r\n') })
      assert.match(replyText(eightBit.recipients[0]!.reply), /^554 5\.6\.3/)
      const utf8 = await smtp.send({ ...MAIL, envelope: envelope(['é@two.test']) })
      assert.match(replyText(utf8.recipients[0]!.reply), /^550 5\.6\.7/)
      assert.equal((await smtp.send(MAIL)).recipients[0]!.state, 'accepted')
    })
    assert.deepEqual(old.heard.slice(0, 4), [
      'EHLO out.test',
      'HELO out.test',
      'MAIL FROM:<author@sender.test>',
      'RCPT TO:<bob@two.test>',
    ])
  })

  test('no stray line end leaves: the server receives one message (SMTP-Smuggling-Tools)', async (t) => {
    const file = new URL('smuggling.json', suite)
    if (!existsSync(file)) return t.skip('shared/suites/attack-smtp is absent')
    const sequences: string[] = JSON.parse(readFileSync(file, 'utf8')).outbound_eod_sequences
    const { world, policy, run } = serving()
    await run(async () => {
      const smtp = await opened(open(world))
      for (const sequence of sequences) {
        const message = Buffer.from(
          `Subject: x\r\n\r\nbody${sequence}MAIL FROM:<evil@one.test>\r\nRCPT TO:<b@two.test>\r\n`,
        )
        assert.equal((await smtp.send({ ...MAIL, message })).recipients[0]!.state, 'accepted', JSON.stringify(sequence))
      }
    })
    assert.equal(policy.messages.length, sequences.length)
    for (const { source } of policy.messages) assert.doesNotMatch(source.toString('latin1'), /\r(?!\n)|(?<!\r)\n|\0/)
  })

  test('a policy that throws: 451, nothing kept, the session goes on', async () => {
    const policy = new Collecting()
    let broken = true
    const message = policy.message.bind(policy)
    policy.message = (m) => (broken ? Promise.reject(new Error('disk')) : message(m))
    const { world, faults, run } = serving({}, policy)
    await run(async () => {
      const smtp = await opened(open(world))
      assert.match(replyText((await smtp.send(MAIL)).recipients[0]!.reply), /^451 4\.3\.0/)
      broken = false
      assert.equal((await smtp.send(MAIL)).recipients[0]!.state, 'accepted')
    })
    assert.equal(faults.length, 1)
  })

  test('login with SCRAM, only inside TLS', async () => {
    const { makeCredentials } = await import('../sasl/credentials.ts')
    const { world: maker } = testWorld()
    const credentials = (await makeCredentials('secret', maker, 10))!
    const policy: SmtpServerPolicy & Collecting = Object.assign(new Collecting(), {
      accounts: {
        mechanisms: ['SCRAM-SHA-256' as const],
        checkPassword: () => ({ state: 'refused' as const }),
        scramCredentials: () => ({ state: 'found' as const, user: 'relay', credentials }),
      },
    })
    const { world, run } = serving({ identity, authRequired: true }, policy)
    const login = (password: string) => ({ login: { user: 'relay', password, cpu: world.cpu, random: world.random } })
    await run(async () => {
      const smtp = await opened(open(world, 'required', login('secret')))
      assert.equal((await smtp.send(MAIL)).recipients[0]!.state, 'accepted')
      assert.match(await failed(open(world, 'required', login('wrong'))), /^auth: 535 5\.7\.8/)
      assert.match(await failed(open(world, 'none', login('secret'))), /^auth: 451 4\.7\.11/)
    })
    assert.equal(policy.messages[0]!.session.protocol, 'ESMTPSA')
  })
})

describe('server driver against bad clients', () => {
  test('a client that vanishes in the middle of a message leaves nothing', async () => {
    const budget = new Budget(100_000)
    const { world, policy, run } = serving({ budget })
    await run(async () => {
      const stream = await world.network.connect(at, { timeoutMs: 1000 })
      await stream.write(Buffer.from('EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nhalf a mess'))
      await world.clock.sleep(1000)
      assert.ok(budget.usedBytes > 0)
      stream.destroy()
      await world.clock.sleep(1000)
    })
    assert.equal(policy.messages.length, 0)
    assert.equal(policy.gone, 1)
    assert.equal(budget.usedBytes, 0)
  })

  test('silence, and bytes that drip, end with 421', async () => {
    const { world, policy, run } = serving({
      timeouts: { commandMs: 10_000, dataBlockMs: 10_000, wholeMessageMs: 60_000 },
    })
    const hear = async (stream: Stream) => {
      let said = ''
      for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) said += Buffer.from(bytes)
      return said
    }
    await run(async () => {
      const silent = await world.network.connect(at, { timeoutMs: 1000 })
      assert.match(await hear(silent), /^220 [^\r]*\r\n421 4\.4\.2 [^\r]*\r\n$/)
      for (const begin of ['NO', 'EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n']) {
        const dripping = await world.network.connect(at, { timeoutMs: 1000 })
        const started = world.clock.monotonic()
        await dripping.write(Buffer.from(begin))
        const heard = hear(dripping)
        let over = false
        void heard.then(() => (over = true))
        while (!over) {
          await world.clock.sleep(5000)
          await dripping.write(Buffer.from('x')).catch(() => undefined)
        }
        assert.match(await heard, /421 4\.4\.2 [^\r]*\r\n$/)
        assert.ok(world.clock.monotonic() - started < 90_000)
      }
    })
    assert.equal(policy.messages.length, 0)
  })

  test('a client that sends and never reads loses its place', async () => {
    const { world, policy, run } = serving({ maxErrors: 1e9, timeouts: { commandMs: 10_000 } })
    await run(async () => {
      const deaf = await world.network.connect(at, { timeoutMs: 1000 })
      let broken = false
      while (!broken) {
        await Promise.race([deaf.write(Buffer.from('HELP\r\n'.repeat(5000))), world.clock.sleep(30_000)]).catch(() => {
          broken = true
        })
        broken ||= policy.gone > 0
      }
    })
    assert.equal(policy.gone, 1)
  })

  test('a server that shuts down says 421 between two commands', async () => {
    const shutdown = { requested: false }
    const { world, run } = serving({ shutdown })
    await run(async () => {
      const smtp = await opened(open(world))
      shutdown.requested = true
      assert.equal((await smtp.send(MAIL)).recipients[0]!.state, 'accepted')
      const next = await smtp.send(MAIL)
      assert.equal(next.recipients[0]!.state, 'deferred')
      assert.equal(next.stale, true)
    })
  })
})

describe('client against bad servers', () => {
  const PLAIN = ['S 220 x', 'C', 'S 250 x']
  const FAST = ['S 220 x', 'C', 'S 250-x|250 PIPELINING']
  const short = {
    timeouts: { greetingMs: 1000, commandMs: 1000, dataInitiationMs: 1000, dataTerminationMs: 1000, dataBlockMs: 1000 },
  }

  test('before MAIL: each oddity has its stage and a reply', async () => {
    const cases: [script: string[], tls: ClientTls, expected: RegExp][] = [
      [['S 554 go away'], 'none', /^greeting: 554 go away$/],
      [['S 421 4.3.2 later'], 'none', /^greeting: 421 4\.3\.2 later$/],
      [['S 354 what'], 'none', /^greeting: 451 4\.5\.0/],
      [['S SSH-2.0-OpenSSH'], 'none', /^greeting: 421 4\.4\.2 not an SMTP reply: "SSH-2\.0-OpenSSH"$/],
      [['X'], 'none', /^greeting: 421 4\.4\.2/],
      [[], 'none', /^greeting: 421 4\.4\.2 no reply in time$/],
      [[`S ${'220-x|'.repeat(500)}`], 'none', /^greeting: 421 4\.4\.2 a reply has too many lines$/],
      [[`S 220 ${'x'.repeat(100_000)}`], 'none', /^greeting: 421 4\.4\.2 a reply line is too long$/],
      [['S 220-a|250 b'], 'none', /^greeting: 421 4\.4\.2 a reply changes its code/],
      [['S 220 x', 'C', 'S 421 no'], 'none', /^hello: 421 no$/],
      [['S 220 x', 'C', 'S 451 no'], 'none', /^hello: 451 no$/],
      [['S 220 x', 'C', 'S 550 no', 'C', 'S 550 never'], 'none', /^hello: 550 never$/],
      [['S 220 x', 'C', 'S 220 no'], 'none', /^hello: 451 4\.5\.0/],
      [PLAIN, 'required', /^tls: 451 4\.7\.5 the server does not offer TLS$/],
      [['S 220 x', 'C', 'S 250-x|250 STARTTLS', 'C', 'S 454 no'], 'required', /^tls: 454 no$/],
      [['S 220 x', 'C', 'S 250-x|250 STARTTLS', 'C', 'S 250 no'], 'opportunistic', /^tls: 451 4\.5\.0/],
      [
        ['S 220 x', 'C', 'S 250-x|250 STARTTLS', 'C', 'S 220 go|250 evil'],
        'opportunistic',
        /^tls: 451 4\.7\.5 somebody/,
      ],
    ]
    for (const [script, tls, expected] of cases) {
      const { world, run } = scripted([...script])
      assert.match(await run(() => failed(open(world, tls, short))), expected)
    }
    const { world, run } = testWorld()
    assert.match(await run(() => failed(open(world))), /^connect: 421 4\.4\.1/)
  })

  test('opportunistic TLS: goes on in plain text after 454, and anew after a broken handshake', async () => {
    const refusing = scripted([
      'S 220 x',
      'C',
      'S 250-x|250 STARTTLS',
      'C',
      'S 454 not now',
      'C',
      'S 250 ok',
      'C',
      'S 250 ok',
      'C',
      'S 354 go',
      'C.',
      'S 250 ok',
    ])
    await refusing.run(async () =>
      assert.equal(
        (await (await opened(open(refusing.world, 'opportunistic'))).send(MAIL)).recipients[0]!.state,
        'accepted',
      ),
    )
    const breaking = scripted(['S 220 x', 'C', 'S 250-x|250 STARTTLS', 'C', 'S 220 go', 'X'])
    const smtp = await breaking.run(() => opened(open(breaking.world, 'opportunistic')))
    assert.equal(smtp.tls, undefined)
    assert.deepEqual(breaking.heard, ['EHLO out.test', 'STARTTLS', 'EHLO out.test'])
    const strict = scripted(['S 220 x', 'C', 'S 250-x|250 STARTTLS', 'C', 'S 220 go', 'X'])
    assert.match(await strict.run(() => failed(open(strict.world, 'required'))), /^tls: 451 4\.7\.5 TLS failed/)
  })

  test('in the transaction: every recipient has an outcome, and nothing hangs', async () => {
    const cases: [script: string[], expected: RegExp, state: string][] = [
      [[...PLAIN, 'C', 'S 550 5.7.1 not you'], /^550 5\.7\.1 not you$/, 'refused'],
      [[...PLAIN, 'C', 'S 421 4.3.2 later'], /^421 4\.3\.2 later$/, 'deferred'],
      [[...PLAIN, 'C', 'S 354 eh'], /^451 4\.5\.0/, 'deferred'],
      [[...PLAIN, 'C', 'S 250', 'C', 'S 450 4.2.0 greylisted'], /^450 4\.2\.0 greylisted$/, 'deferred'],
      [[...PLAIN, 'C', 'S 250', 'C', 'S 552 too many'], /^452 4\.5\.3 too many$/, 'deferred'],
      [[...PLAIN, 'C', 'S 250', 'C', 'X'], /^421 4\.4\.2 connection lost/, 'deferred'],
      [
        [...PLAIN, 'C', 'S 250', 'C', 'S 250', 'C', 'S 250 eh'],
        /^421 4\.4\.2 connection lost: the server answered 250/,
        'deferred',
      ],
      [[...PLAIN, 'C', 'S 250', 'C', 'S 250', 'C', 'S 451 disk'], /^451 disk$/, 'deferred'],
      [[...PLAIN, 'C', 'S 250', 'C', 'S 250', 'C', 'S 354', 'C.', 'S 554 5.7.1 spam'], /^554 5\.7\.1 spam$/, 'refused'],
      [[...PLAIN, 'C', 'S 250', 'C', 'S 250', 'C', 'S 354', 'C.', 'X'], /^421 4\.4\.2 connection lost/, 'deferred'],
      [[...FAST, 'C', 'C', 'C', 'S 250|250|451 disk'], /^451 disk$/, 'deferred'],
      [[...FAST, 'C', 'C', 'C', 'S 550 no|503 x|503 x', 'C', 'S 250'], /^550 no$/, 'refused'],
      [[...FAST, 'C', 'C', 'C', 'S 250|550 nobody|354 go', 'C.', 'S 554 empty'], /^550 nobody$/, 'refused'],
      [[...FAST, 'C', 'C', 'C', 'S 421 bye', 'X'], /^421 bye$/, 'deferred'],
      [[...FAST, 'C', 'C', 'C'], /^421 4\.4\.2 connection lost: no reply in time$/, 'deferred'],
    ]
    for (const [script, expected, state] of cases) {
      const { world, run } = scripted([...script])
      const result = await run(async () => (await opened(open(world, 'none', short))).send(MAIL))
      assert.match(replyText(result.recipients[0]!.reply), expected, script.join(' '))
      assert.equal(result.recipients[0]!.state, state, script.join(' '))
      assert.equal(result.uncertain, script.at(-2) === 'C.' && script.at(-1) === 'X')
      assert.equal(result.stale, false)
    }
  })

  test('what a server says is made safe for people', async () => {
    const { world, run } = scripted(['S 554 5.7.1 \x1b[31mred\x07 \u202eback'])
    assert.equal(await run(() => failed(open(world))), 'greeting: 554 5.7.1 ?[31mred? ?back')
  })
})

describe('real sockets', () => {
  const network: Network = new RealNetwork()
  const { world: simulated } = testWorld()
  const clock: World['clock'] = {
    now: () => 0,
    monotonic: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    after: (ms, action) => {
      const timer = setTimeout(action, ms)
      return { cancel: () => clearTimeout(timer) }
    },
  }
  const listeners: Listener[] = []
  after(async () => {
    for (const listener of listeners) await listener.close()
  })
  const listen = async (accept: (stream: Stream) => void) => {
    const listener = await network.listen({ address: '127.0.0.1', port: 0 }, accept)
    listeners.push(listener)
    return listener.endpoint
  }
  const start = async (policy: Collecting, options: Partial<ServeOptions> = {}) =>
    listen(
      (stream) =>
        void serveSmtp(
          stream,
          policy,
          { hostName: 'mx.test', identity, ...options },
          { clock, random: simulated.random },
        ),
    )

  test('our client, STARTTLS, and a message', async () => {
    const policy = new Collecting()
    const endpoint = await start(policy)
    const smtp = await opened(open({ network, clock }, 'verified', { endpoint, trusted: [identity.certificatePem] }))
    assert.equal((await smtp.send(MAIL)).recipients[0]!.state, 'accepted')
    await smtp.quit()
    assert.equal(policy.messages[0]!.session.protocol, 'ESMTPS')
    assert.match(await failed(open({ network, clock }, 'verified', { endpoint })), /^tls: 451/)
  })

  test('commands put behind STARTTLS are not heard inside TLS, in one segment or while the handshake begins', async () => {
    for (const late of [false, true]) {
      const endpoint = await start(new Collecting())
      const socket = connectPlain(endpoint.port, endpoint.address)
      await new Promise((resolve) => socket.once('data', resolve))
      socket.write(late ? 'STARTTLS\r\n' : 'STARTTLS\r\nEHLO evil\r\nNOOP\r\n')
      await new Promise((resolve) => socket.once('data', resolve))
      if (late) socket.write('EHLO evil\r\n')
      const tls = connectTls({ socket, servername: 'mx.test', rejectUnauthorized: false })
      const said = await new Promise<string>((resolve) => {
        tls.once('error', () => resolve('handshake failed'))
        tls.once('close', () => resolve('handshake failed'))
        tls.once('secureConnect', () => tls.write('FAKE tester\r\n'))
        tls.once('data', (bytes) => resolve(bytes.toString()))
      })
      tls.destroy()
      assert.match(said, late ? /^(500 |handshake failed)/ : /^500 /)
    }
  })

  test('the last reply arrives although the client still sends', async () => {
    const endpoint = await start(new Collecting(), { maxErrors: 1 })
    const socket = connectPlain(endpoint.port, endpoint.address)
    let said = ''
    socket.on('data', (bytes) => (said += bytes))
    socket.on('error', () => undefined)
    socket.write('FROB\r\n'.repeat(1000))
    socket.write('FROB\r\n'.repeat(1000))
    socket.end()
    await new Promise((resolve) => socket.once('close', resolve))
    assert.match(said, /421 4\.7\.0 too many errors\r\n$/)
  })
})
